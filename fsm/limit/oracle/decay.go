package oracle

import (
	"math/big"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// kind says what a holding is, and so what gives it back.
type kind int

const (
	leased kind = iota
	anonymous
	rated   // a rate_limit grant: decay alone gives it back
	inGrace // left over from a lease that ended by its time
)

func (k kind) String() string {
	return [...]string{"lease", "anonymous", "rate", "grace"}[k]
}

// holding is what one grant still occupies on one limit, in whole slots.
type holding struct {
	token    uint64
	kind     kind
	slots    int64
	ordinals []uint32
	until    int64 // end of grace
	promised int64 // slots that queued jobs will give back
}

// Decay (E5, L8). What is occupied is the sum of the holdings, less the part
// of a slot, 0 <= gone < 1, that has decayed of the oldest one. All of it is
// true at l.since; decay brings it to the present.

// decay brings l to the present time.
func (m *Model) decay(l *limit) {
	from, held := l.since, l.held()
	l.since = m.time
	if l.settings.Rate.IsZero() {
		l.gone.SetInt64(0)
		return
	}
	if held == 0 {
		if m.time > from {
			l.gone.SetInt64(0) // nothing to decay from: the next grant starts anew
		}
		return
	}
	before := decayed(l.gone, l.settings.Rate, m.time-1-from)
	after := decayed(l.gone, l.settings.Rate, m.time-from)
	whole := floor(after)
	l.gone.Sub(after, new(big.Rat).SetInt(whole))
	switch {
	case whole.Cmp(big.NewInt(held)) < 0:
		m.consume(l, whole.Int64())
	case floor(before).Cmp(big.NewInt(held)) < 0: // it ran empty at this very nanosecond
		l.gone.Sub(after, new(big.Rat).SetInt64(held))
		m.consume(l, held)
	default:
		l.gone.SetInt64(0)
		m.consume(l, held)
	}
}

// decayed returns gone + rate*ns.
func decayed(gone *big.Rat, r command.Rate, ns int64) *big.Rat {
	rate := new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Num), new(big.Int).SetUint64(r.Den))
	return rate.Mul(rate, new(big.Rat).SetInt64(ns)).Add(rate, gone)
}

func floor(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) }

// consume takes n whole slots of the oldest holdings. That decay took the oldest
// of several, or one in grace, is an event, which may come only after it was seen.
func (m *Model) consume(l *limit, n int64) {
	for n > 0 {
		h := l.holdings[0]
		part := min(n, h.slots)
		h.slots -= part
		n -= part
		if h.slots == 0 {
			l.holdings = l.holdings[1:]
			if m.rules >= budgeted && (len(l.holdings) > 0 || h.kind == inGrace) {
				l.owed++
			}
		}
	}
}

// budgeted is the rules version since which it is an event that decay has taken
// the oldest of several holdings, since which anonymous slots are given back by
// jobs, and what concerns several limits counts for each of them.
const budgeted = 2

// oldestGoes returns when the next such event of l is due; false: there is none.
func (m *Model) oldestGoes(l *limit) (due int64, ok bool) {
	m.decay(l)
	switch {
	case m.rules < budgeted || l.settings.Rate.IsZero():
		return 0, false
	case l.owed > 0:
		return m.time, true
	case len(l.holdings) == 0 || len(l.holdings) == 1 && l.holdings[0].kind != inGrace:
		return 0, false
	}
	return l.decayedBy(l.holdings[0].slots)
}

// takeOldest plays it.
func (m *Model) takeOldest(l *limit) {
	m.decay(l)
	l.owed--
	l.marked = true
}

// look brings l to the present where an event or an examination concerns it. The
// first rules took with it the decay by which somebody profits at that instant,
// which is an event of its own since, and is to come.
func (m *Model) look(l *limit) {
	if due, ok := m.profitsAt(l); ok && due == m.time && m.rules < budgeted {
		l.marked = true
	}
	m.decay(l)
}

// decayedBy returns the first nanosecond at which need whole slots of l, which
// is at the present time, have decayed; false: not within the range of time.
func (l *limit) decayedBy(need int64) (int64, bool) {
	rate := l.settings.Rate
	missing := new(big.Rat).Sub(new(big.Rat).SetInt64(need), l.gone)
	missing.Mul(missing, new(big.Rat).SetFrac(new(big.Int).SetUint64(rate.Den), new(big.Int).SetUint64(rate.Num)))
	ns := floor(missing)
	if !missing.IsInt() {
		ns.Add(ns, big.NewInt(1))
	}
	ns.Add(ns, big.NewInt(l.since))
	return ns.Int64(), ns.IsInt64()
}

// held is the sum of the holdings: what is occupied, rounded up.
func (l *limit) held() int64 {
	var sum int64
	for _, h := range l.holdings {
		sum += h.slots
	}
	return sum
}

// drop gives back what is left of h, and marks the limit. The oldest holding
// takes with it the part of it that has decayed.
func (m *Model) drop(l *limit, h *holding) {
	m.look(l)
	i := slices.Index(l.holdings, h)
	if i < 0 {
		return // decayed to the end
	}
	if i == 0 {
		l.gone.SetInt64(0)
	}
	l.holdings = slices.Delete(l.holdings, i, i+1)
	l.marked = true
}

// dropPhases lets the limits that are empty at the end of a record forget how
// far into a slot their decay was (L8).
func (m *Model) dropPhases() {
	for _, l := range m.limits {
		if m.decay(l); l.held() == 0 {
			l.gone.SetInt64(0)
		}
	}
}

// changeRate goes on at another rate. The decayed part of a slot is kept in
// parts of the new rate's denominator, rounded towards occupied.
func (m *Model) changeRate(l *limit, r command.Rate) {
	m.decay(l)
	l.settings.Rate = r
	if r.IsZero() {
		l.gone.SetInt64(0)
		return
	}
	den := new(big.Int).SetUint64(r.Den)
	parts := floor(new(big.Rat).Mul(l.gone, new(big.Rat).SetInt(den)))
	l.gone.SetFrac(parts, den)
}

// freeOrdinals returns the n lowest ordinals of l that nobody has (L11).
func (l *limit) freeOrdinals(n int64) []uint32 {
	var free []uint32
	for o := uint32(0); int64(len(free)) < n; o++ {
		if !slices.ContainsFunc(l.holdings, func(h *holding) bool { return slices.Contains(h.ordinals, o) }) {
			free = append(free, o)
		}
	}
	return free
}
