package inside

import (
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// grants judges every grant of the log.
type grants struct {
	token uint64 // the newest
}

// judgeGrants checks the grants that a record made: none leaves more occupied
// than the limit has slots, and tokens rise.
func (t *trial) judgeGrants(r record, applied limit.Applied) {
	results := []command.Result{applied.Result}
	for _, o := range applied.Outcomes {
		results = append(results, o.Result)
	}
	newest := t.grants.token
	for _, result := range results {
		g, ok := result.(*command.Granted)
		if !ok || g.Replayed {
			continue
		}
		if g.Token <= t.grants.token {
			t.convict("grants", "S2", "index %d grants token %d, and %d was granted before", r.index, g.Token, t.grants.token)
		}
		newest = max(newest, g.Token)
		for _, l := range g.Limits {
			if l.Counted && l.Occupied > l.Capacity {
				t.convict("grants", "E1", "index %d grants token %d: %d of %d slots of %q are occupied then", r.index, g.Token, l.Occupied, l.Capacity, l.Name)
			}
		}
	}
	t.grants.token = newest
}
