// Package history is what a run against limitd leaves behind: every call with
// its answer, who believed to hold what, every fault, and the state at the end.
// The simulator and the runs of the real binary write the same history, and the
// same checkers (jepsen/check) judge it.
//
// A Recorder collects it while callers work; Encode and Decode turn it into JSON
// lines, one object a line, so that a run can be judged again later.
//
//	rec := history.NewRecorder(now)
//	op := rec.Call(history.Op{Client: 3, Kind: history.Acquire, ID: "c3-1", Limits: ...})
//	...
//	rec.Return(op)
//	h := rec.History()
//
// Times are durations since the run began, on one clock that the run's machine
// keeps (fake time in the simulator). Cluster time is in Op.Time.
package history

import "time"

// Kind names what a call asked for.
type Kind string

// The calls.
const (
	Acquire   Kind = "acquire"    // POST /v1/acquire
	Release   Kind = "release"    // POST /v1/release, by token or id
	Renew     Kind = "renew"      // POST /v1/renew
	Cancel    Kind = "cancel"     // POST /v1/cancel
	Force     Kind = "force"      // DELETE /v1/leases/{token}
	Put       Kind = "put"        // PUT /v1/limits/{name}: create or replace
	Delete    Kind = "delete"     // DELETE /v1/limits/{name}
	Reset     Kind = "reset"      // POST /v1/limits/{name}/reset
	ReadLimit Kind = "read_limit" // GET /v1/limits/{name}, linearizable
	ReadID    Kind = "read_id"    // GET /v1/acquires/{id}, linearizable
	Restore   Kind = "restore"    // PUT /v1/snapshot
	Save      Kind = "save"       // GET /v1/snapshot
	// Prefect is what a program saw of Prefect's client: from when it asked for
	// slots of one limit, or for tokens of its rate, to when it could go on, or met
	// an error (Detail). Without a limit it is an error that came later, or a
	// complaint of the client's log. Such calls tell neither tokens nor indexes.
	Prefect Kind = "prefect"
	// Intrude is a call of somebody who may not make it: Detail tells who, and what.
	Intrude Kind = "intrude"
)

// Outcome says what the caller knows of a call.
type Outcome string

// The outcomes.
const (
	// OK: an answer that says what happened; a denial is one, too (see Op.Code).
	OK Outcome = "ok"
	// Refused: the answer says that nothing happened and nothing will (effect none,
	// and no statement about the state: no_leader, overloaded, shutting_down, ...).
	Refused Outcome = "refused"
	// Unknown: no answer, or one that says so. It may have happened, or may yet.
	Unknown Outcome = "unknown"
)

// Op is one call of one client, over all its tries under the same id, from the
// first sending to the last answer. A client has one call open at a time.
type Op struct {
	Number int    `json:"number"` // in order of Call, from 1
	Client int    `json:"client"`
	Kind   Kind   `json:"kind"`
	Node   string `json:"node,omitempty"` // that gave the answer, or was asked last
	Tries  int    `json:"tries,omitempty"`
	// Astray is how many of the tries got no answer, or one that says that they
	// may happen yet. Under one id they have one effect, so they show only in a
	// renew: each try of it is a command of its own, and one that went astray may
	// prolong a lease after Return.
	Astray  int           `json:"astray,omitempty"`
	Call    time.Duration `json:"call"`
	Return  time.Duration `json:"return"` // where Outcome is Unknown: when the client gave up
	Outcome Outcome       `json:"outcome"`
	Status  int           `json:"status,omitempty"` // HTTP
	Code    string        `json:"code,omitempty"`   // of a problem (docs/api.md section 5); "timeout" of a program that waited no longer
	Detail  string        `json:"detail,omitempty"` // for people: an error's text

	// Where the answer is true. Index 0: not known (the Go client does not tell).
	Index uint64 `json:"index,omitempty"`
	Time  int64  `json:"time,omitempty"` // cluster time, ns

	Ask
	Got
}

// Ask is what a call asked for.
type Ask struct {
	ID     string        `json:"id,omitempty"`     // of the acquire, or the idempotency key of a write
	Limits []Want        `json:"limits,omitempty"` // acquire; put, delete, reset, read_limit: the one limit
	Wait   time.Duration `json:"wait,omitempty"`
	TTL    time.Duration `json:"ttl,omitempty"`
	Linger time.Duration `json:"linger,omitempty"`
	Tokens []uint64      `json:"tokens,omitempty"` // release, renew, force; release and cancel may name ID in its place
	Config *Settings     `json:"config,omitempty"` // put
	// Abandoned: the caller went away while the call was open, on purpose, or had
	// itself cut off.
	Abandoned bool `json:"abandoned,omitempty"`
}

// Want is one limit of an acquire.
type Want struct {
	Name  string `json:"name"`
	Slots int64  `json:"slots"`
	Rate  bool   `json:"rate,omitempty"` // mode rate_limit
}

// Settings are a limit's settings as far as checkers know them.
type Settings struct {
	Slots    int64         `json:"slots"`
	RateNum  uint64        `json:"rate_num,omitempty"` // slots per RatePer, exactly
	RatePer  time.Duration `json:"rate_per,omitempty"`
	Inactive bool          `json:"inactive,omitempty"`
	Shadow   bool          `json:"shadow,omitempty"`
	Numbered bool          `json:"numbered,omitempty"`
	Grace    time.Duration `json:"grace,omitempty"`
}

// Got is what the answer said.
type Got struct {
	Token      uint64        `json:"token,omitempty"` // acquire: granted
	Waited     time.Duration `json:"waited,omitempty"`
	ExpiresIn  time.Duration `json:"expires_in,omitempty"` // 0: no lease; of the Go client: the TTL
	Granted    []Granted     `json:"granted,omitempty"`
	Replayed   bool          `json:"replayed,omitempty"`
	Released   bool          `json:"released,omitempty"` // release; the Go client (Index 0) does not tell
	Cancelled  bool          `json:"cancelled,omitempty"`
	Reason     string        `json:"reason,omitempty"`      // release: why not
	Leases     []Renewed     `json:"leases,omitempty"`      // renew
	RetryAfter time.Duration `json:"retry_after,omitempty"` // denied; -1: not said
	Ahead      int64         `json:"ahead,omitempty"`       // denied: the largest number of waiters ahead that was named
	// Queued is when (in the run's time) the first answer came that said the
	// acquire stands in the queue, a 202; 0: none did. From then on its age is
	// settled: an acquire of the same limits that is called later is younger.
	Queued   time.Duration `json:"queued,omitempty"`
	Occupied int64         `json:"occupied,omitempty"` // read_limit
	Waiting  int64         `json:"waiting,omitempty"`  // read_limit
	State    string        `json:"state,omitempty"`    // read_id
	Found    bool          `json:"found,omitempty"`    // read_limit, read_id
	Slots    int64         `json:"slots,omitempty"`    // read_limit
}

// Granted is one limit of a grant.
type Granted struct {
	Name     string   `json:"name"`
	Slots    int64    `json:"slots"`
	Rate     bool     `json:"rate,omitempty"`
	Counted  bool     `json:"counted"`
	Ordinals []uint32 `json:"ordinals,omitempty"`
}

// Renewed is what a renew said of one lease.
type Renewed struct {
	Token     uint64        `json:"token"`
	State     string        `json:"state"` // held, gone, waiting
	ExpiresIn time.Duration `json:"expires_in,omitempty"`
}

// IsGrant tells whether the call is an acquire that was granted.
func (o *Op) IsGrant() bool { return o.Kind == Acquire && o.Outcome == OK && o.Token != 0 }

// IsDenial tells whether the call is an acquire that was told "not now".
func (o *Op) IsDenial() bool {
	return o.Kind == Acquire && o.Outcome == OK && (o.Code == "denied" || o.Code == "wait_expired")
}

// Belief is a span in which a holder acted as one that holds slots: from when
// its library gave it the lease to when it stopped by itself (before its
// release was called), or was told to stop. Paused marks one whose process was
// stopped in between: only tokens protect against it.
type Belief struct {
	Client   int           `json:"client"`
	Token    uint64        `json:"token"`
	Granted  []Granted     `json:"granted"`
	From     time.Duration `json:"from"`
	To       time.Duration `json:"to"`
	Renewals bool          `json:"renewals,omitempty"` // it outlived its first TTL
	Lost     string        `json:"lost,omitempty"`     // why it was told to stop; "": by itself
	Paused   bool          `json:"paused,omitempty"`
}

// Write is a write of a holder to the protected resource: a store that keeps the
// highest token (per limit and ordinal) and refuses lower ones.
type Write struct {
	Client   int           `json:"client"`
	Resource string        `json:"resource"` // limit, or limit/ordinal
	Token    uint64        `json:"token"`
	At       time.Duration `json:"at"`
	Accepted bool          `json:"accepted"`
}

// Fault is a fault that was injected, from its start to its mend.
type Fault struct {
	Kind  string        `json:"kind"`            // the nemesis's name
	Group string        `json:"group,omitempty"` // of nemeses, that it was asked for with; Run.Nemesis may name it
	On    string        `json:"on"`              // nodes or links
	What  string        `json:"what"`            // details for people
	From  time.Duration `json:"from"`            //
	To    time.Duration `json:"to"`              // 0: it is an instant
	Error string        `json:"error"`           // why it could not be injected; such a fault did not happen
}

// Leader is a node that was seen leading.
type Leader struct {
	At   time.Duration `json:"at"`
	Node string        `json:"node"` // "": none
	Term uint64        `json:"term"`
	// Until is when all nodes were asked, or before, and none had applied anything
	// of a later term: no leader of one had answered before. 0: not known.
	Until time.Duration `json:"until,omitempty"`
}

// Final is the state after all faults are mended, callers are gone, and the
// longest lease could have ended.
type Final struct {
	Nodes   []FinalNode      `json:"nodes"`
	Limits  map[string]int64 `json:"limits"`  // occupied
	Waiting int64            `json:"waiting"` // over all limits
	Leases  int64            `json:"leases"`
	Index   uint64           `json:"index"` // of the verify record
	// Patience is the cluster's setting (docs/semantics.md T8, A2), which no run
	// changes; 0: not known.
	Patience time.Duration `json:"patience,omitempty"`
	Error    string        `json:"error,omitempty"`
}

// FinalNode is one node's digest of its state at Final.Index; "": it gave none.
type FinalNode struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// Run describes the run itself.
type Run struct {
	Instrument string        `json:"instrument"` // sim or real
	Workload   string        `json:"workload"`
	Nemesis    string        `json:"nemesis,omitempty"`
	Seed       uint64        `json:"seed"`
	Nodes      int           `json:"nodes"`
	Commit     string        `json:"commit,omitempty"`
	Build      string        `json:"build,omitempty"` // which binary, with which overlay
	Started    string        `json:"started,omitempty"`
	Duration   time.Duration `json:"duration"` // of the part with callers
	// MaxBackdate and Remember are the cluster's settings (docs/semantics.md T8).
	MaxBackdate time.Duration `json:"max_backdate"`
	Remember    time.Duration `json:"remember"`
	// Guarded: nodes ask callers for tokens.
	Guarded bool `json:"guarded,omitempty"`
	// ClockError bounds how far clock rates of nodes and callers were off true:
	// 0.01 is one per cent. Real-time checks allow for it.
	ClockError float64 `json:"clock_error,omitempty"`
}

// History is all of it. Ops are in order of Call.
type History struct {
	Run     Run
	Ops     []Op
	Beliefs []Belief
	Writes  []Write
	Faults  []Fault
	Leaders []Leader
	Final   *Final
}
