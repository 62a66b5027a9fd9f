package oracle

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Clone returns a copy that goes its own way. There must be no open jobs.
func (m *Model) Clone() *Model {
	k := cloner{map[*limit]*limit{}, map[*lease]*lease{}, map[*waiter]*waiter{}, map[*request]*request{}}
	c := *m
	c.limits, c.leases = each(m.limits, k.limit), each(m.leases, k.lease)
	c.waiters, c.requests = each(m.waiters, k.waiter), each(m.requests, k.request)
	return &c
}

func each[T any](list []*T, clone func(*T) *T) []*T {
	list = slices.Clone(list)
	for i := range list {
		list[i] = clone(list[i])
	}
	return list
}

// cloner remembers what it has copied, since all point to each other.
type cloner struct {
	limits   map[*limit]*limit
	leases   map[*lease]*lease
	waiters  map[*waiter]*waiter
	requests map[*request]*request
}

// copied returns a shallow copy of v, and whether it was made only now.
func copied[T any](done map[*T]*T, v *T) (c *T, fresh bool) {
	if v == nil {
		return nil, false
	}
	if done[v] != nil {
		return done[v], false
	}
	shallow := *v
	done[v] = &shallow
	return &shallow, true
}

func (k cloner) limit(l *limit) *limit {
	c, fresh := copied(k.limits, l)
	if fresh {
		c.gone = new(big.Rat).Set(l.gone)
		c.holdings = each(l.holdings, func(h *holding) *holding { n := *h; return &n })
	}
	return c
}

func (k cloner) lease(s *lease) *lease {
	c, fresh := copied(k.leases, s)
	if fresh {
		c.request, c.shares = k.request(s.request), slices.Clone(s.shares)
		for i := range c.shares {
			c.shares[i].limit = k.limit(c.shares[i].limit)
		}
	}
	return c
}

func (k cloner) waiter(x *waiter) *waiter {
	c, fresh := copied(k.waiters, x)
	if fresh {
		c.request, c.park, c.wants = k.request(x.request), k.limit(x.park), slices.Clone(x.wants)
		for i := range c.wants {
			c.wants[i].limit = k.limit(c.wants[i].limit)
		}
	}
	return c
}

func (k cloner) request(r *request) *request {
	c, fresh := copied(k.requests, r)
	if fresh {
		c.waiter, c.lease = k.waiter(r.waiter), k.lease(r.lease)
	}
	return c
}

// Key words what decides about the future of the queue, with ages, tokens and
// protections as ranks, and times from now, those beyond far left out: states
// with equal keys behave alike.
func (m *Model) Key(far int64) string {
	var b strings.Builder
	in := func(t int64) string {
		if t-m.time > far {
			return "far"
		}
		return fmt.Sprint(t - m.time)
	}
	for _, l := range m.limits {
		m.decay(l)
		fmt.Fprintf(&b, "%s %d %v %s:", l.name, l.settings.Slots, l.enforcing(), l.gone.RatString())
		for _, h := range l.holdings {
			fmt.Fprintf(&b, " %d*%d@%d", h.kind, h.slots, m.rankOf(h.token))
		}
	}
	for _, s := range m.leases {
		fmt.Fprintf(&b, "|%s", in(s.end))
	}
	for _, x := range m.waiters {
		fmt.Fprintf(&b, "\n%s %s %d %d %v %v %v %s %s", x.demand(), x.park.name, x.moves, m.protRank(x), x.staged, x.parted, x.first, in(x.lapse), in(x.deadline))
		if x.first {
			fmt.Fprintf(&b, " since %d", x.since-m.time)
		}
	}
	return b.String()
}

func (x *waiter) demand() string {
	var b strings.Builder
	for _, w := range x.wants {
		fmt.Fprintf(&b, "%s%d%v", w.limit.name, w.n, w.rate)
	}
	return b.String()
}

func (m *Model) rankOf(token uint64) (rank int) {
	for _, s := range m.leases {
		if s.token < token {
			rank++
		}
	}
	return rank
}

func (m *Model) protRank(x *waiter) (rank int) {
	if x.prot == 0 {
		return 0
	}
	for _, y := range m.waiters {
		if y.prot > 0 && y.prot <= x.prot {
			rank++
		}
	}
	return rank
}

// MostMoves returns how often the waiter that was moved most has been moved
// while it was not protected.
func (m *Model) MostMoves() (most int) {
	for _, x := range m.waiters {
		most = max(most, x.moves)
	}
	return most
}
