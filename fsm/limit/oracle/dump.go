package oracle

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// Dump words all of the state that the real state machine shows through its
// public reads, in the format in which the tests word that.
func (m *Model) Dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "time %v index %d term %d rules %d\n", time.Duration(m.time), m.index, m.term, m.rules)
	if m.reopens != 0 {
		fmt.Fprintf(&b, "quarantine for %v\n", time.Duration(max(1, m.reopens-m.time)))
	}
	fmt.Fprintf(&b, "limits %d leases %d waiters %d remembered %d\n", len(m.limits)+m.leaving, len(m.leases), len(m.waiters), len(m.requests))
	for _, l := range m.byName() {
		b.WriteString(m.limitLines(l))
	}
	for _, s := range m.leases {
		g := m.grantedNow(s)
		g.Waited, g.Skipped = 0, nil
		fmt.Fprintf(&b, "lease %s held %v: %s\n", g.ID, time.Duration(m.time-s.granted), Text(g, false))
	}
	for _, r := range m.requests {
		if r.acquire != nil {
			fmt.Fprintf(&b, "id %s: %s\n", r.id, Text(m.lookUp(r), false))
		}
	}
	return b.String()
}

func (m *Model) byName() []*limit {
	list := slices.Clone(m.limits)
	slices.SortFunc(list, func(a, b *limit) int { return strings.Compare(a.name, b.name) })
	return list
}

func (m *Model) limitLines(l *limit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "limit %s\n", Text(m.view(l), false))
	for _, h := range l.holdings {
		id, left := "", int64(0)
		switch h.kind {
		case inGrace:
			left = h.until - m.time
		case leased:
			s := m.held(h.token)
			id, left = s.request.id, s.end-m.time
		}
		b.WriteString(HolderLine(h.kind.String(), id, h.token, h.slots, h.ordinals, left))
	}
	for _, x := range m.waiters {
		if x.names(l) {
			b.WriteString(WaiterLine(x.request.id, x.age, x.n(l), x.park.name,
				[2]bool{x.prot > 0 && !x.parted, x.parted}, [2]int64{m.time - x.arrived, x.deadline - m.time}))
		}
	}
	return b.String()
}

// HolderLine words one holding of a limit; left is how long it lasts, 0 where
// nothing says so.
func HolderLine(kind, id string, token uint64, slots int64, ordinals []uint32, left int64) string {
	w := &words{}
	w.add("  %s token=%d", kind, token).addIf(id != "", "%s", id).add("%d slots", slots)
	w.addIf(len(ordinals) > 0, "ordinals %s", ordinalsText(ordinals)).addIf(left != 0, "for %v", time.Duration(left))
	return strings.Join(w.list, " ") + "\n"
}

// WaiterLine words one waiter of a limit: is says whether it is protected, and
// parted; times are how long it has waited, and how long it still will.
func WaiterLine(id string, age uint64, slots int64, park string, is [2]bool, times [2]int64) string {
	w := &words{}
	w.add("  waiting %s age=%d %d slots, parked on %s", id, age, slots, park).addIf(is[0], "protected").addIf(is[1], "parted")
	w.add("for %v, %v left", time.Duration(times[0]), time.Duration(times[1]))
	return strings.Join(w.list, " ") + "\n"
}

// lookUp answers a read of a known id.
func (m *Model) lookUp(r *request) command.Result {
	switch {
	case r.waiter != nil:
		return m.waiting(r.waiter)
	case r.lease != nil:
		return m.grantedNow(r.lease)
	}
	return r.result
}

// grantedNow words a lease for a reader, who has no record.
func (m *Model) grantedNow(s *lease) *command.Granted {
	g := m.granted(s)
	g.ExpiresIn = s.end - m.time
	return g
}

// Known lists the ids of acquires that are remembered, in the order in which
// they became known.
func (m *Model) Known() (ids []string) {
	for _, r := range m.requests {
		if r.acquire != nil {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// Inside words what only the model can show: exact occupation, phases, moves,
// the order of protection, marks. It is for people who compare by eye.
func (m *Model) Inside() string {
	var b strings.Builder
	for _, l := range m.limits {
		fmt.Fprintf(&b, "%s occupied %s marked %v\n", l.name, m.Occupied(l.name).RatString(), l.marked)
	}
	for _, x := range m.waiters {
		fmt.Fprintf(&b, "%s on %s moves %d protection %d staged %v first %v since %v lapse %v\n", x.request.id, x.park.name,
			x.moves, x.prot, x.staged, x.first, time.Duration(x.since), time.Duration(x.lapse))
	}
	return b.String()
}

// Occupied returns exactly what is occupied of a limit, in slots.
func (m *Model) Occupied(name string) *big.Rat {
	l := m.limit(name)
	if l == nil {
		return new(big.Rat)
	}
	m.decay(l)
	return new(big.Rat).Sub(new(big.Rat).SetInt64(l.held()), l.gone)
}
