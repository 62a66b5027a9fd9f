package client

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/limitd/limitd/transport/wire"
)

// hints take the place of those by which a node speaks to whoever writes HTTP.
var hints = map[wire.Code]string{
	wire.CodeDenied:           "to stand in the queue, set Request.Wait",
	wire.CodeNoDecay:          "name it in Request.Limits, or give it a rate: UpdateLimit",
	wire.CodeLimitExists:      "UpdateLimit changes it, PutLimit replaces its settings",
	wire.CodeLeaseNotFound:    "Leases lists those that are held",
	wire.CodeRevisionMismatch: "read the limit again",
	wire.CodeOverloaded:       "come again after Error.RetryAfter; cluster-wide settings bound what waits",
	wire.CodeTooMany:          "give back what is not needed, or raise the bound in the cluster's settings",
	wire.CodeOutcomeUnknown:   "ask again under the same Request.ID: it has one effect, and is told the true outcome",
	wire.CodeNoLeader:         "no majority of the nodes works: limitd members shows which are alive",
}

// goNames are the names that the fields of a body have in Request.
var goNames = map[string]string{
	"id": "ID", "wait": "Wait", "ttl": "TTL", "missing": "Missing", "owner": "Owner", "limits": "Limits", "hold": "Config.Hold",
}

// inWordsOf names the request's fields where a node names those of the body that
// was sent for it.
func (e *Error) inWordsOf(r Request) {
	sent := r.entries()
	for i, f := range e.Fields {
		e.Fields[i].Field = goName(f.Field, sent)
		if e.Detail == f.Field+": "+f.Detail {
			e.Detail = e.Fields[i].Field + ": " + f.Detail
		}
	}
}

// goName returns the name here of a field of the body, as "limits[0].slots".
func goName(path string, sent []wire.Entry) string {
	field, rest, _ := strings.Cut(path, ".")
	if index, ok := strings.CutPrefix(field, "limits["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || i < 0 || i >= len(sent) {
			return path
		}
		if sent[i].Mode == wire.ModeRateLimit {
			return fmt.Sprintf("RateLimits[%q]", sent[i].Name)
		}
		return fmt.Sprintf("Limits[%q]", sent[i].Name)
	}
	name, known := goNames[field]
	switch {
	case !known:
		return path
	case rest != "":
		return name + "." + rest
	}
	return name
}
