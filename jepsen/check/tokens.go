package check

import "slices"

// judgeTokens looks at all grants, also across restores: a token belongs to one
// id, and a grant that was made later has a larger one, whether "later" is known
// by real time or by index.
func judgeTokens(f *facts, r *report) {
	for _, g := range f.grants {
		r.saw(1)
		for _, a := range g.ops[1:] {
			if a.ID != g.id || a.ID == "" {
				r.convict("S2", show(g.op(), a.Op), "token %d was granted to %q and to %q", g.token, g.id, a.ID)
			}
		}
	}
	judgeOrder(f.grants, r, "was granted", func(g *grant) (from, to int64) { return int64(g.called), int64(g.told) })
	judgeOrder(f.grants, r, "stands in the log", func(g *grant) (from, to uint64) { return g.ownLo, g.ownHi })
}

// judgeOrder convicts grants that come after one with a larger token for
// certain, by some measure of when each may have been made.
func judgeOrder[K int64 | uint64](grants []*grant, r *report, how string, when func(*grant) (from, to K)) {
	byStart, byEnd := slices.Clone(grants), slices.Clone(grants)
	slices.SortStableFunc(byStart, func(x, y *grant) int { a, _ := when(x); b, _ := when(y); return compare(a, b) })
	slices.SortStableFunc(byEnd, func(x, y *grant) int { _, a := when(x); _, b := when(y); return compare(a, b) })
	var largest *grant
	next := 0
	for _, g := range byStart {
		from, _ := when(g)
		for ; next < len(byEnd); next++ {
			if _, to := when(byEnd[next]); to >= from {
				break
			}
			if largest == nil || byEnd[next].token > largest.token {
				largest = byEnd[next]
			}
		}
		if largest != nil && largest.token > g.token {
			r.convict("S2", show(largest.op(), g.op()), "token %d %s after token %d", g.token, how, largest.token)
		}
	}
}
