package check

import (
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeResource looks at what tokens guard: per resource, accepted writes never
// carry a smaller token than one before.
func judgeResource(f *facts, r *report) {
	writes := slices.Clone(f.h.Writes)
	slices.SortStableFunc(writes, func(x, y history.Write) int { return compare(x.At, y.At) })
	highest := make(map[string]history.Write)
	for _, w := range writes {
		r.saw(1)
		if !w.Accepted {
			continue
		}
		if h := highest[w.Resource]; w.Token < h.Token {
			r.convict("S2", nil, "%q accepted a write of client %d with token %d at %s, after one with token %d at %s", w.Resource, w.Client, w.Token, w.At, h.Token, h.At)
			continue
		}
		highest[w.Resource] = w
	}
}

// Stale counts the writes that the protected resource refused: those that a
// lease alone would have let through.
func Stale(h *history.History) (refused int) {
	for _, w := range h.Writes {
		if !w.Accepted {
			refused++
		}
	}
	return refused
}
