package check

import (
	"maps"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// margin is by how much clock rates may differ for the safety contract to hold.
const margin = 0.01

// judgeBeliefs holds limitd to the safety contract: those who believe to hold,
// by their library's word, are never more than the slots allow. Left out are
// holders whose process was stopped, against whom only tokens help, and the
// time after an operator took a lease or a limit's claims away.
func judgeBeliefs(f *facts, r *report) {
	if 2*f.h.Run.ClockError > margin {
		return
	}
	byLimit := make(map[string][]span[int64])
	ordinals := make(map[slot][]span[int64])
	entered := f.entered()
	for _, b := range f.h.Beliefs {
		if b.Paused {
			continue
		}
		g := &grant{token: b.Token, told: b.From}
		if known := f.byToken[b.Token]; known != nil {
			g = known
		} else if call := entered[program{b.Client, b.From}]; call != nil {
			g.ops = []*act{call}
		}
		for _, t := range b.Granted {
			if !t.Counted || t.Rate {
				continue
			}
			r.saw(1)
			to := min(b.To, takenAway(g, f.limit(t.Name), b.Client))
			s := span[int64]{int64(b.From), int64(to), t.Slots, g}
			byLimit[t.Name] = append(byLimit[t.Name], s)
			for _, n := range t.Ordinals {
				s.slots = 1
				ordinals[slot{t.Name, n}] = append(ordinals[slot{t.Name, n}], s)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byLimit)) {
		if most, ok := f.limits[name].most(); ok {
			overlaps(byLimit[name], func(at, slots int64, begun *grant) {
				if slots > most && !r.full() {
					r.convict("safety", believers(byLimit[name], at), "holders believed to hold %d slots of %q, which has %d, at %s, when that of token %d began",
						slots, name, most, time.Duration(at), begun.token)
				}
			})
		}
	}
	judgeBelievedOrdinals(ordinals, r)
}

// slot is one slot of a numbered limit.
type slot struct {
	limit  string
	number uint32
}

func judgeBelievedOrdinals(ordinals map[slot][]span[int64], r *report) {
	keys := slices.SortedFunc(maps.Keys(ordinals), func(x, y slot) int {
		if x.limit != y.limit {
			return compare(x.limit, y.limit)
		}
		return compare(x.number, y.number)
	})
	for _, k := range keys {
		overlaps(ordinals[k], func(at, slots int64, begun *grant) {
			if slots > 1 && !r.full() {
				r.convict("safety", believers(ordinals[k], at), "%d holders believed to hold slot %d of %q at %s, when that of token %d began",
					slots, k.number, k.limit, time.Duration(at), begun.token)
			}
		})
	}
}

// takenAway is when somebody else than its holder may have ended a lease, or
// its claim on a limit.
func takenAway(g *grant, l *limit, client int) time.Duration {
	first := forever
	for _, a := range g.enders {
		if a.Kind == history.Force || a.Client != client {
			first = min(first, a.Call)
		}
	}
	for _, a := range l.clears {
		if end(a.Op) > g.called {
			first = min(first, a.Call)
		}
	}
	return first
}

// believers lists the calls of those whose beliefs overlap at an instant, as
// far as they were noted.
func believers(spans []span[int64], at int64) (list []*history.Op) {
	for _, g := range holding(spans, at) {
		if len(g.ops) > 0 {
			list = append(list, g.op())
		}
	}
	return list
}
