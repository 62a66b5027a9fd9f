package limit_test

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/limitd/limitd/fsm/limit"
)

// A key is a scene in a few bytes that are equal where two states can only go
// on alike: ages, tokens and places of protection by rank, times from now, and
// without what the scope's moves cannot tell apart. TestSearchKeys holds that
// against random walks.

// key appends sc's key to b. It sorts sc's leases where their order says nothing.
func (w *world) key(b []byte, sc *limit.Scene) []byte {
	if !w.ordered() {
		slices.SortFunc(sc.Leases, func(x, y limit.SceneLease) int {
			return cmp.Or(cmp.Compare(x.Demand, y.Demand), cmp.Compare(x.Uncounted, y.Uncounted))
		})
	}
	for i := range sc.Limits {
		b = w.keyLimit(b, sc, &sc.Limits[i])
	}
	b = append(b, byte(len(sc.Leases)))
	for _, l := range sc.Leases {
		b = append(b, byte(l.Demand), byte(l.Uncounted))
		if w.ttl > 0 {
			b = binary.AppendUvarint(b, uint64(l.End-sc.Now))
		}
		if w.explicit {
			b = append(b, rankOfToken(sc, l.Token))
		}
	}
	for i := range sc.Waiters {
		b = w.keyWaiter(b, sc, &sc.Waiters[i])
	}
	return b
}

// ordered tells whether the order of tokens matters: where leases expire at
// one instant, or decay takes from the oldest.
func (w *world) ordered() bool { return w.timed > 0 }

func (w *world) keyLimit(b []byte, sc *limit.Scene, l *limit.SceneLimit) []byte {
	b = append(b, byte(l.Slots)<<1|bit(l.Inactive, 1))
	if !w.explicit {
		return b
	}
	b = binary.AppendUvarint(b, l.Frac)
	b = append(b, byte(len(l.Holdings)))
	for _, h := range l.Holdings {
		b = append(b, byte(h.Kind), byte(h.Slots), rankOfToken(sc, h.Token))
		if h.Kind == limit.HolderGrace {
			b = binary.AppendUvarint(b, uint64(h.FreeAt-sc.Now))
		}
	}
	return b
}

func bit(is bool, b byte) byte {
	if is {
		return b
	}
	return 0
}

func (w *world) keyWaiter(b []byte, sc *limit.Scene, x *limit.SceneWaiter) []byte {
	place := byte(0) // 1 and up: the order of protection; of a parted one just that it was protected
	if x.Place != 0 {
		place = 1
		for i := range sc.Waiters {
			if y := &sc.Waiters[i]; !x.Parted && !y.Parted && y.Place != 0 && y.Place < x.Place {
				place++
			}
		}
	}
	b = append(b, byte(x.Demand)<<4|byte(x.Park)<<2|bit(x.Tagged, 2)|bit(x.Parted, 1), place<<1|bit(x.Staged && !x.Parted, 1))
	if w.exact {
		moves := byte(0)
		if x.Place == 0 {
			moves = byte(x.Moves)
		}
		b = append(b, moves)
	}
	b = binary.AppendUvarint(b, w.firstKey(sc, x.First))
	if w.linger > 0 {
		b = binary.AppendUvarint(b, uint64(x.Lapse-sc.Now))
	}
	return b
}

// firstKey words since when somebody is first: the time, where it is known; else
// 1 for this instant, 2 for the latest before it, and so on.
func (w *world) firstKey(sc *limit.Scene, first int64) uint64 {
	if first < 0 {
		return 0
	}
	if w.timed > 0 {
		return uint64(sc.Now-first) + 1
	}
	if len(w.limits) == 1 {
		return 2 // there is one first only, so it matters to nobody when it became so
	}
	rank := uint64(1)
	if first < sc.Now {
		rank++
	}
	for i := range sc.Waiters {
		f := sc.Waiters[i].First
		if f <= first || f == sc.Now {
			continue
		}
		if !slices.ContainsFunc(sc.Waiters[:i], func(y limit.SceneWaiter) bool { return y.First == f }) {
			rank++
		}
	}
	return rank
}

// rankOfToken is 1 for the lowest of all tokens that hold something.
func rankOfToken(sc *limit.Scene, token uint64) byte {
	rank := byte(1)
	for i := range sc.Leases {
		if sc.Leases[i].Token < token {
			rank++
		}
	}
	for i := range sc.Limits {
		for _, h := range sc.Limits[i].Holdings {
			if h.Token < token && h.Kind != limit.HolderLease && !met(sc, i, h.Token) {
				rank++
			}
		}
	}
	return rank
}

// met tells whether a token was met before, as a lease's or on a limit
// before number i.
func met(sc *limit.Scene, i int, token uint64) bool {
	if slices.ContainsFunc(sc.Leases, func(l limit.SceneLease) bool { return l.Token == token }) {
		return true
	}
	for j := range i {
		if slices.ContainsFunc(sc.Limits[j].Holdings, func(h limit.SceneHolding) bool { return h.Token == token }) {
			return true
		}
	}
	return false
}

// read makes a scene of a key again, with the ranks for ages, tokens and places.
func (w *world) read(key []byte, sc *limit.Scene) {
	sc.Now = w.start
	sc.Limits, sc.Leases, sc.Waiters = sc.Limits[:0], sc.Leases[:0], sc.Waiters[:0]
	r := keyReader(key)
	for range w.limits {
		sc.Limits = append(sc.Limits, w.readLimit(&r))
	}
	for i := range int(r.byte()) {
		l := limit.SceneLease{Token: uint64(i + 1), Demand: int(r.byte()), Uncounted: uint64(r.byte()), End: w.start + far}
		if w.ttl > 0 {
			l.End = w.start + int64(r.uint())
		}
		if w.explicit {
			l.Token = uint64(r.byte())
		}
		sc.Leases = append(sc.Leases, l)
		if !w.explicit {
			w.hold(sc, l)
		}
	}
	for age := uint64(1); len(r) > 0; age++ {
		sc.Waiters = append(sc.Waiters, w.readWaiter(&r, age))
	}
}

// hold adds the holdings that follow from a lease.
func (w *world) hold(sc *limit.Scene, l limit.SceneLease) {
	for i, e := range w.acquires[l.Demand].Entries {
		if l.Uncounted>>i&1 == 0 && e.Slots > 0 {
			at := &sc.Limits[e.Name[0]-'a']
			at.Held += e.Slots
			at.Holdings = append(at.Holdings, limit.SceneHolding{Token: l.Token, Kind: limit.HolderLease, Slots: e.Slots})
		}
	}
}

func (w *world) readLimit(r *keyReader) limit.SceneLimit {
	head := r.byte()
	l := limit.SceneLimit{Slots: int64(head >> 1), Inactive: head&1 != 0}
	if !w.explicit {
		return l
	}
	l.Frac = r.uint()
	for range int(r.byte()) {
		h := limit.SceneHolding{Kind: limit.HolderKind(r.byte()), Slots: int64(r.byte()), Token: uint64(r.byte())}
		if h.Kind == limit.HolderGrace {
			h.FreeAt = w.start + int64(r.uint())
		}
		l.Held += h.Slots
		l.Holdings = append(l.Holdings, h)
	}
	return l
}

func (w *world) readWaiter(r *keyReader, age uint64) limit.SceneWaiter {
	head, place := r.byte(), r.byte()
	x := limit.SceneWaiter{
		ID: w.ids[age], Age: age, Demand: int(head >> 4), Park: int(head >> 2 & 3), Tagged: head&2 != 0, Parted: head&1 != 0,
		Place: uint64(place >> 1), Staged: place&1 != 0, First: -1, Lapse: w.start + far, Deadline: w.start + far,
	}
	if w.exact {
		x.Moves = int64(r.byte())
	}
	if since := r.uint(); since > 0 {
		x.First = w.start - int64(since-1)
		if w.timed == 0 {
			x.First = w.start - int64(since-1)*int64(time.Millisecond)
		}
	}
	if w.linger > 0 {
		x.Lapse = w.start + int64(r.uint())
	}
	return x
}

// keyReader reads what binary.AppendUvarint and append wrote.
type keyReader []byte

func (r *keyReader) byte() byte {
	b := (*r)[0]
	*r = (*r)[1:]
	return b
}

func (r *keyReader) uint() uint64 {
	v, n := binary.Uvarint(*r)
	*r = (*r)[n:]
	return v
}
