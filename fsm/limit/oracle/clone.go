package oracle

import (
	"math/big"
	"slices"
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

// Restored returns a copy as it goes on where a backup of this state is restored
// so that its tokens continue behind one (semantics.md S2), and its quarantine
// ends at an instant; 0: there is none (S8).
func (m *Model) Restored(token uint64, reopens int64) *Model {
	c := m.Clone()
	c.tokens, c.term, c.termStart, c.reopens = token, 0, 0, reopens
	return c
}

// Longest returns the longest grace of a limit.
func (m *Model) Longest() (grace int64) {
	for _, l := range m.limits {
		grace = max(grace, l.settings.Grace)
	}
	return grace
}
