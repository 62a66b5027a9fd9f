// Package wire is limitd's HTTP contract in Go: the JSON bodies of API v1, the
// header names, and the one table of error codes that server and client share.
// docs/api.md tells the same to people, docs/openapi.yaml to tools.
//
// It promises to import the standard library only, so that a program that uses
// the client library pulls in nothing else, and to hold no behaviour: what a
// body means is decided by the server.
//
// A request and its answer:
//
//	body, _ := json.Marshal(wire.AcquireRequest{
//		Limits: []wire.Entry{{Name: "db", Slots: 2}},
//		Wait:   wire.Duration(30 * time.Second),
//	})
//	// POST /v1/acquire: 200 is a Grant, 202 a Waiting, all else a Problem.
package wire

// Headers of API v1. Those of answers are on every answer unless told otherwise.
const (
	HeaderRequestID = "Limitd-Request-Id" // of this exchange, for logs; problems repeat it
	HeaderIndex     = "Limitd-Index"      // log index at which the answer is true
	HeaderTime      = "Limitd-Time"       // cluster time of the answer, ns, decimal
	HeaderNode      = "Limitd-Node"       // name of the node that answered
	HeaderAge       = "Limitd-Age"        // stale reads only: how far behind the state may be, as a Duration

	HeaderTimeout        = "Limitd-Timeout"  // of requests: how long the node tries, on top of wait; default DefaultTimeout
	HeaderIdempotencyKey = "Idempotency-Key" // of requests that write: the same key, path and method has one effect

	HeaderRateLimit       = "RateLimit"        // what is left of the limits of an acquire
	HeaderRateLimitPolicy = "RateLimit-Policy" // what the limits of an acquire allow
)

// Media types.
const (
	TypeJSON       = "application/json"
	TypeMergePatch = "application/merge-patch+json"
	TypeProblem    = "application/problem+json"
	TypeText       = "text/plain; charset=utf-8"
	TypeSnapshot   = "application/octet-stream"
	TypeOpenAPI    = "application/yaml"
)

// Bounds of requests. What lies beyond is refused with CodeInvalidRequest, a
// body beyond MaxBody with CodeBodyTooLarge.
const (
	MaxBody        = 1 << 20 // bytes
	MaxLimits      = 64      // limits of one acquire
	MaxRenew       = 10_000  // tokens and ids of one renew
	MaxRenewBytes  = 200_000 // bytes of all ids of one renew
	MaxOperations  = 1_000   // operations of one batch
	MaxOwner       = 4 << 10 // bytes of an owner's name, host, meta keys and values together
	MaxMeta        = 32      // meta keys of an owner
	MaxID          = 64      // bytes of an id or idempotency key
	MaxName        = 255     // bytes of a limit's name
	MaxDescription = 4 << 10 // bytes
	MaxLabels      = 64      // labels of a limit
	MaxLabelKey    = 128     // bytes
	MaxLabelValue  = 1 << 10 // bytes
	MaxPage        = 1_000   // items of a page
	DefaultPage    = 100     // items of a page where page_size is not given
	MaxInteger     = 1<<53 - 1
	MaxOrdinals    = 4_096 // slots of a numbered limit
)
