package check

import (
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeAccess judges who was let in. Who may not make a call is told that alone,
// whatever goes on; who may is never refused, but where a fault was just giving
// that caller's token another secret.
func judgeAccess(f *facts, r *report) {
	if !f.h.Run.Guarded {
		return
	}
	for i := range f.h.Ops {
		o := &f.h.Ops[i]
		switch refused := isRefusal(o); {
		case o.Kind == history.Intrude:
			r.saw(1)
			if o.Outcome == history.OK && !refused && !cannotTell(o) {
				r.convict("API", show(o), "%s, and is answered %d %s", o.Detail, o.Status, o.Code)
			}
		case o.Outcome == history.OK || refused:
			r.saw(1)
			if refused && !f.rotating(o.Call, o.Return) {
				r.convict("API", show(o), "a caller with the right token is refused by %s: %d %s: %s", o.Node, o.Status, o.Code, o.Detail)
			}
		}
	}
}

// isRefusal tells whether the answer says that the caller may not.
func isRefusal(o *history.Op) bool {
	return o.Code == "unauthenticated" || o.Code == "permission_denied"
}

// isRefusedIntruder tells whether somebody who may not was told so.
func isRefusedIntruder(o history.Op) bool { return o.Kind == history.Intrude && isRefusal(&o) }

// cannotTell tells whether a node refused to judge at all, as without a leader.
func cannotTell(o *history.Op) bool { return o.Status == http.StatusServiceUnavailable }

// rotating tells whether a fault was changing callers' tokens in a span of time.
func (f *facts) rotating(from, to time.Duration) bool {
	return slices.ContainsFunc(f.h.Faults, func(x history.Fault) bool {
		return x.Kind == "rotate-token" && x.Error == "" && x.From <= to && x.To >= from
	})
}
