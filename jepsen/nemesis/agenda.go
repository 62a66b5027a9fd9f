//go:build linux

package nemesis

import (
	"slices"
	"sync"
)

// agenda says which kind of fault comes next: of each group one, in random
// order, then of each group the next, so that each group comes as often as any
// other, and within a group each kind before any comes twice; those first that
// struck the least in earlier runs.
type agenda struct {
	shuffle func(n int, swap func(i, j int))
	struck  map[string]int // by kind, in earlier runs

	mu     sync.Mutex
	groups []*deck
	round  []*deck // those that have not had their turn
}

// deck is a group's kinds.
type deck struct{ kinds, left []Nemesis }

func newAgenda(list []Nemesis, struck map[string]int, shuffle func(n int, swap func(i, j int))) *agenda {
	a := &agenda{shuffle: shuffle, struck: struck}
	of := make(map[string]*deck)
	for _, n := range list {
		d := of[n.Group]
		if d == nil {
			d = new(deck)
			of[n.Group] = d
			a.groups = append(a.groups, d)
		}
		d.kinds = append(d.kinds, n)
	}
	return a
}

// next returns the next kind; the agenda must not be empty.
func (a *agenda) next() Nemesis {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.round) == 0 {
		a.round = slices.Clone(a.groups)
		a.shuffle(len(a.round), func(i, j int) { a.round[i], a.round[j] = a.round[j], a.round[i] })
	}
	d := a.round[0]
	a.round = a.round[1:]
	if len(d.left) == 0 {
		d.left = slices.Clone(d.kinds)
		a.shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
		slices.SortStableFunc(d.left, func(x, y Nemesis) int { return a.struck[x.Name] - a.struck[y.Name] })
	}
	n := d.left[0]
	d.left = d.left[1:]
	return n
}
