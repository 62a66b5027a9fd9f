package check_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// TestBrokenLimitersAreConvicted lets toys with one bug each run, and looks who
// convicts them. Not every showing of a bug can be seen from the outside, so a
// few worlds are played.
func TestBrokenLimitersAreConvicted(t *testing.T) {
	for bug, by := range map[string][]string{
		"over-grant":                  {"occupancy", "holders", "linear"},
		"early expiry":                {"leases", "occupancy"},
		"false denial":                {"denials"},
		"lost release":                {"quiescence", "reads", "denials"},
		"token twice":                 {"tokens"},
		"clock too fast":              {"clock"},
		"time goes back":              {"clock"},
		"overtaking":                  {"fifo"},
		"a try overtakes":             {"fifo"},
		"released twice":              {"once"},
		"ordinal twice":               {"ordinals"},
		"renew shortens":              {"leases"},
		"renew past expiry":           {"leases"},
		"waits end early":             {"waits"},
		"interest lapses early":       {"waits"},
		"no memory":                   {"once"},
		"half a grant":                {"once"},
		"the dead come back":          {"leases"},
		"a toggle leaks":              {"quiescence", "reads"},
		"the bucket has one more":     {"rate"},
		"the bucket leaks faster":     {"rate"},
		"grants while inactive count": {"toggles"},
		"a barred id is granted":      {"once"},
		"told to come late":           {"retry"},
		"told to come a little late":  {"retry"},
		"told to come early":          {"retry"},
		"told to come at once":        {"retry"},
		"told nothing":                {"retry"},
		"a denial moves the decay":    {"retry"},
		"nobody looks at who waits":   {"idle"},
		"a leader loses the gap":      {"lag"},
		"time stands still":           {"lag"},
	} {
		t.Run(bug, func(t *testing.T) {
			missing := slices.Clone(by)
			seen := map[string]int{}
			for seed := uint64(0); seed < 40 && len(missing) > 0; seed++ {
				c := plain()
				c.seed, c.bug, c.fussy = seed, bug, bug == "a toggle leaks" || strings.Contains(bug, "inactive") || seed%2 == 0
				c.tries = slices.Contains(by, "retry")
				h, shown := play(c)
				if shown == 0 {
					continue
				}
				for name := range convicted(h) {
					seen[name]++
					missing = slices.DeleteFunc(missing, func(s string) bool { return s == name })
				}
			}
			if len(missing) > 0 {
				t.Errorf("not convicted by %v, only by %v", missing, seen)
			}
		})
	}
}

// TestForgedHistoriesAreConvicted changes one thing in a correct history.
func TestForgedHistoriesAreConvicted(t *testing.T) {
	for name, c := range map[string]struct {
		by    string
		forge func(h *history.History) bool // false: there is nothing to forge
	}{
		"a digest differs":          {"quiescence", func(h *history.History) bool { h.Final.Nodes[1].Digest = "d2"; return true }},
		"a digest is missing":       {"quiescence", func(h *history.History) bool { h.Final.Nodes[2].Digest = ""; return true }},
		"a slot leaked":             {"quiescence", func(h *history.History) bool { h.Final.Limits["db"] = 1; return true }},
		"a lease leaked":            {"quiescence", func(h *history.History) bool { h.Final.Leases = 1; return true }},
		"a waiter leaked":           {"quiescence", func(h *history.History) bool { h.Final.Waiting = 1; return true }},
		"a stale read":              {"index", staleRead},
		"a read sees too much":      {"reads", func(h *history.History) bool { return forgeRead(h, func(o *history.Op) { o.Occupied += 3 }) }},
		"a read sees others' slots": {"reads", func(h *history.History) bool { return forgeRead(h, func(o *history.Op) { o.Slots += 100 }) }},
		"a waiter is made up":       {"reads", func(h *history.History) bool { return forgeRead(h, func(o *history.Op) { o.Waiting += 9 }) }},
		"a stale write":             {"resource", staleWrite},
		"beliefs overlap":           {"beliefs", overlappingBelief},
		"a slot believed twice":     {"beliefs", believedTwice},
		"an index with two times":   {"clock", twoTimes},
		"an ordinal beyond": {"ordinals", func(h *history.History) bool {
			return forgeGrant(h, "gpu", func(g *history.Granted) { g.Ordinals[0] = 77 })
		}},
		"other slots": {"once", func(h *history.History) bool {
			return forgeGrant(h, "db", func(g *history.Granted) { g.Slots++ })
		}},
		"an active limit counts nothing": {"toggles", func(h *history.History) bool {
			return forgeGrant(h, "db", func(g *history.Granted) { g.Counted = false })
		}},
		"a refused id is held": {"once", refusedAndHeld},
		"two ids, one token":   {"tokens", oneToken},
	} {
		t.Run(name, func(t *testing.T) {
			s := plain()
			s.seed, s.fussy = 3, false
			h, _ := play(s)
			if found := convicted(h); len(found) > 0 {
				t.Fatalf("before the forgery: %v", found)
			}
			if !c.forge(h) {
				t.Fatal("there is nothing to forge in this history")
			}
			if found := convicted(h); found[c.by].What == "" {
				t.Errorf("not convicted by %s, only by %v", c.by, slices.Sorted(maps.Keys(found)))
			}
		})
	}
}

func find(h *history.History, match func(*history.Op) bool) *history.Op {
	for i := range h.Ops {
		if match(&h.Ops[len(h.Ops)/3:][i%(len(h.Ops)-len(h.Ops)/3)]) {
			return &h.Ops[len(h.Ops)/3:][i%(len(h.Ops)-len(h.Ops)/3)]
		}
	}
	return nil
}

func forgeRead(h *history.History, forge func(*history.Op)) bool {
	o := find(h, func(o *history.Op) bool { return o.Kind == history.ReadLimit && o.Limits[0].Name == "db" })
	if o != nil {
		forge(o)
	}
	return o != nil
}

func forgeGrant(h *history.History, name string, forge func(*history.Granted)) bool {
	o := find(h, func(o *history.Op) bool { return o.IsGrant() && !o.Replayed && o.Granted[0].Name == name })
	if o != nil {
		forge(&o.Granted[0])
	}
	return o != nil
}

func staleRead(h *history.History) bool {
	return forgeRead(h, func(o *history.Op) {
		o.Index -= 100
		before := find(h, func(p *history.Op) bool { return p.Index <= o.Index && p.Index > 0 })
		o.Time = before.Time
	})
}

func staleWrite(h *history.History) bool {
	last := h.Writes[len(h.Writes)-1]
	last.Token, last.Accepted = 1, true
	last.At++
	h.Writes = append(h.Writes, last)
	return check.Stale(h) < len(h.Writes)
}

func overlappingBelief(h *history.History) bool {
	for i := range h.Beliefs {
		if b := &h.Beliefs[i]; b.Granted[0].Name == "db" {
			b.Granted = []history.Granted{{Name: "db", Slots: 4, Counted: true}}
			return true
		}
	}
	return false
}

func believedTwice(h *history.History) bool {
	for _, b := range h.Beliefs {
		if len(b.Granted[0].Ordinals) > 0 {
			b.Client++
			h.Beliefs = append(h.Beliefs, b)
			return true
		}
	}
	return false
}

func twoTimes(h *history.History) bool {
	o := find(h, func(o *history.Op) bool { return o.Index > 0 && o.Kind == history.ReadLimit })
	twin := *o
	twin.Number, twin.Client, twin.Time = len(h.Ops)+1, 99, o.Time+1
	h.Ops = append(h.Ops, twin)
	return true
}

func refusedAndHeld(h *history.History) bool {
	n := len(h.Ops)
	at := h.Ops[n-1].Return
	ask := history.Ask{ID: "refused", Limits: []history.Want{{Name: "db", Slots: 1}}}
	h.Ops = append(h.Ops,
		history.Op{Number: n + 1, Client: 9, Kind: history.Acquire, Call: at + 1, Return: at + 2, Outcome: history.Refused, Ask: ask},
		history.Op{Number: n + 2, Client: 9, Kind: history.Release, Call: at + 3, Return: at + 4, Outcome: history.OK, Ask: history.Ask{ID: "refused"}, Got: history.Got{Released: true}})
	return true
}

func oneToken(h *history.History) bool {
	var first *history.Op
	for i := range h.Ops {
		o := &h.Ops[i]
		switch {
		case !o.IsGrant():
		case first == nil:
			first = o
		case o.ID != first.ID:
			o.Token = first.Token
			return true
		}
	}
	return false
}
