package workload

import (
	"fmt"
	"sync"

	"github.com/limitd/limitd/jepsen/history"
)

// resource is what leases protect: a store that keeps the highest token that
// it was shown for each of its places, and refuses lower ones. A place is a
// limit of one slot, or an ordinal of a numbered limit; of a plain limit with
// more slots no holder is the rightful one alone, so it has none.
type resource struct {
	record *history.Recorder

	mu      sync.Mutex
	highest map[string]uint64 // guarded by mu; by place
}

func newResource(r *history.Recorder) *resource {
	return &resource{record: r, highest: make(map[string]uint64)}
}

// write writes to all places that the grants give to caller i.
func (r *resource) write(i int, token uint64, grants []history.Granted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range grants {
		for _, place := range places(g) {
			accepted := token >= r.highest[place]
			if accepted {
				r.highest[place] = token
			}
			r.record.Write(history.Write{Client: i, Resource: place, Token: token, At: r.record.Now(), Accepted: accepted})
		}
	}
}

// places names what a grant gives to its holder alone.
func places(g history.Granted) (list []string) {
	switch {
	case !g.Counted:
	case inLane(g.Name, mutexLimit):
		list = append(list, g.Name)
	default:
		for _, o := range g.Ordinals {
			list = append(list, fmt.Sprintf("%s/%d", g.Name, o))
		}
	}
	return list
}
