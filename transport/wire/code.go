package wire

import "net/http"

// Code names why a request failed. It is an error of its own, so that
// errors.Is(err, wire.CodeLimitNotFound) tells what a Problem is about.
type Code string

// All error codes of API v1. Clients judge a code that they do not know by the
// problem's status and effect.
const (
	CodeInvalidRequest       Code = "invalid_request"
	CodeUnauthenticated      Code = "unauthenticated"
	CodePermissionDenied     Code = "permission_denied"
	CodeCrossOrigin          Code = "cross_origin"
	CodeLimitNotFound        Code = "limit_not_found"
	CodeLeaseNotFound        Code = "lease_not_found"
	CodeAcquireNotFound      Code = "acquire_not_found"
	CodeNodeNotFound         Code = "node_not_found"
	CodeTokenNotFound        Code = "token_not_found"
	CodePolicyNotFound       Code = "policy_not_found"
	CodeRouteNotFound        Code = "route_not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeLimitExists          Code = "limit_exists"
	CodeIDReused             Code = "id_reused"
	CodeTooMany              Code = "too_many"
	CodeMembershipRefused    Code = "membership_refused"
	CodeTokenExists          Code = "token_exists"
	CodePolicyInUse          Code = "policy_in_use"
	CodeLastOperator         Code = "last_operator"
	CodeBootstrapped         Code = "already_bootstrapped"
	CodeACLDisabled          Code = "acl_disabled"
	CodeLeaseEnded           Code = "lease_ended"
	CodeLimitDeleted         Code = "limit_deleted"
	CodeCancelled            Code = "cancelled"
	CodeRevisionMismatch     Code = "revision_mismatch"
	CodeBodyTooLarge         Code = "body_too_large"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeNeverFits            Code = "never_fits"
	CodeNoDecay              Code = "no_decay"
	CodeDenied               Code = "denied"
	CodeWaitExpired          Code = "wait_expired"
	CodeInternal             Code = "internal"
	CodeNoLeader             Code = "no_leader"
	CodeOverloaded           Code = "overloaded"
	CodeTooOld               Code = "too_old"
	CodeShuttingDown         Code = "shutting_down"
	CodeDiskFailure          Code = "disk_failure"
	CodeNotInForce           Code = "not_in_force"
	CodeOutcomeUnknown       Code = "outcome_unknown"
)

// Effect says whether a request that failed may have done something.
type Effect string

const (
	EffectNone    Effect = "none"    // nothing happened, and nothing will
	EffectUnknown Effect = "unknown" // it may have happened, or still happen: ask again with the same id
)

// Retry says what a repetition of the same request can bring.
type Retry uint8

const (
	RetryNever  Retry = iota // the same answer: the request has to change first
	RetrySameID              // worth while under the same id, after Retry-After, at this or another node
	RetryNewID               // worth while under a new id, after Retry-After where it is given
)

// CodeInfo is a code's row in the table.
type CodeInfo struct {
	Code   Code
	Status int
	Title  string
	Effect Effect // unless the problem itself says another
	Retry  Retry
	After  int // seconds of Retry-After where nothing better is known; 0: no such header
}

// Codes returns the table of all codes, by status.
func Codes() []CodeInfo {
	t := table()
	return t[:]
}

// table is the only place where a code meets its HTTP status. (An array stays
// off the heap, and cannot be changed.)
func table() [39]CodeInfo {
	return [...]CodeInfo{
		{CodeInvalidRequest, http.StatusBadRequest, "Invalid request", EffectNone, RetryNever, 0},
		{CodeUnauthenticated, http.StatusUnauthorized, "Not authenticated", EffectNone, RetryNever, 0},
		{CodePermissionDenied, http.StatusForbidden, "Permission denied", EffectNone, RetryNever, 0},
		{CodeCrossOrigin, http.StatusForbidden, "Cross-origin write refused", EffectNone, RetryNever, 0},
		{CodeLimitNotFound, http.StatusNotFound, "Limit not found", EffectNone, RetryNever, 0},
		{CodeLeaseNotFound, http.StatusNotFound, "Lease not found", EffectNone, RetryNever, 0},
		{CodeAcquireNotFound, http.StatusNotFound, "Acquire not found", EffectNone, RetryNever, 0},
		{CodeNodeNotFound, http.StatusNotFound, "Node not found", EffectNone, RetryNever, 0},
		{CodeTokenNotFound, http.StatusNotFound, "Token not found", EffectNone, RetryNever, 0},
		{CodePolicyNotFound, http.StatusNotFound, "Policy not found", EffectNone, RetryNever, 0},
		{CodeRouteNotFound, http.StatusNotFound, "Route not found", EffectNone, RetryNever, 0},
		{CodeMethodNotAllowed, http.StatusMethodNotAllowed, "Method not allowed", EffectNone, RetryNever, 0},
		{CodeLimitExists, http.StatusConflict, "Limit exists", EffectNone, RetryNever, 0},
		{CodeIDReused, http.StatusConflict, "Id used for other content", EffectNone, RetryNever, 0},
		{CodeTooMany, http.StatusConflict, "Too many", EffectNone, RetryNewID, 0},
		{CodeMembershipRefused, http.StatusConflict, "Change of membership refused", EffectNone, RetryNever, 0},
		{CodeTokenExists, http.StatusConflict, "Token exists", EffectNone, RetryNever, 0},
		{CodePolicyInUse, http.StatusConflict, "Policy in use", EffectNone, RetryNever, 0},
		{CodeLastOperator, http.StatusConflict, "Last operator", EffectNone, RetryNever, 0},
		{CodeBootstrapped, http.StatusConflict, "Bootstrapped already", EffectNone, RetryNever, 0},
		{CodeACLDisabled, http.StatusConflict, "ACL is not enabled", EffectNone, RetryNever, 0},
		{CodeLeaseEnded, http.StatusGone, "Lease ended", EffectNone, RetryNewID, 0},
		{CodeLimitDeleted, http.StatusGone, "Limit deleted", EffectNone, RetryNever, 0},
		{CodeCancelled, http.StatusGone, "Cancelled", EffectNone, RetryNewID, 0},
		{CodeRevisionMismatch, http.StatusPreconditionFailed, "Revision mismatch", EffectNone, RetryNever, 0},
		{CodeBodyTooLarge, http.StatusRequestEntityTooLarge, "Body too large", EffectNone, RetryNever, 0},
		{CodeUnsupportedMediaType, http.StatusUnsupportedMediaType, "Unsupported media type", EffectNone, RetryNever, 0},
		{CodeNeverFits, http.StatusUnprocessableEntity, "Never fits", EffectNone, RetryNever, 0},
		{CodeNoDecay, http.StatusUnprocessableEntity, "Limit has no decay", EffectNone, RetryNever, 0},
		{CodeDenied, http.StatusTooManyRequests, "Denied", EffectNone, RetryNewID, 0},
		{CodeWaitExpired, http.StatusTooManyRequests, "Wait expired", EffectNone, RetryNewID, 0},
		{CodeInternal, http.StatusInternalServerError, "Internal error", EffectUnknown, RetrySameID, 0},
		{CodeNoLeader, http.StatusServiceUnavailable, "No leader", EffectNone, RetrySameID, 1},
		{CodeOverloaded, http.StatusServiceUnavailable, "Overloaded", EffectNone, RetrySameID, 1},
		{CodeTooOld, http.StatusServiceUnavailable, "Request too old", EffectNone, RetrySameID, 1},
		{CodeShuttingDown, http.StatusServiceUnavailable, "Shutting down", EffectNone, RetrySameID, 1},
		{CodeDiskFailure, http.StatusServiceUnavailable, "Disk failure", EffectUnknown, RetrySameID, 1},
		{CodeNotInForce, http.StatusServiceUnavailable, "Not in force yet", EffectNone, RetrySameID, 5},
		{CodeOutcomeUnknown, http.StatusGatewayTimeout, "Outcome unknown", EffectUnknown, RetrySameID, 0},
	}
}

// Info returns c's row. A code that is not in the table gets that of
// CodeInternal, under its own name.
func (c Code) Info() CodeInfo {
	internal := CodeInfo{}
	for _, row := range table() {
		if row.Code == c {
			return row
		}
		if row.Code == CodeInternal {
			internal = row
		}
	}
	internal.Code = c
	return internal
}

// Error returns the code's name.
func (c Code) Error() string { return string(c) }
