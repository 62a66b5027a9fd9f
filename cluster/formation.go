package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limitd/limitd/cluster/gossip"
)

// founding decides how nodes that know no cluster form one. Two clusters must
// never come of it, though nodes see each other late and in different order:
//
//   - Each node promises itself to one founder: the lowest id among at least
//     Expect fresh voters that it sees. The promise is on disk before it is told.
//   - Only the founder of a promise may use it: it forms the cluster of itself and
//     those promised to it, once there are Expect of them.
//   - A founder that sees a lower id promises itself to that one, and never founds
//     again. Who sees that its founder did so follows. Nothing else frees a
//     promise: a founder that cannot be seen may have used it.
//
// So every node is in the set of one founder only, and sets of two founders
// have no node in common.
//
// Who hears of a node that is part of a cluster founds none, whether that node
// can still be seen or not: it promises itself to it. By that promise it
// remembers over a restart, and those learn of it who come later and see only
// whom it waits for: nobody founds beside a node that promised itself to
// somebody who is not there.
type founding struct {
	self    string // this node's id
	expect  int
	promise string // the founder that this node promised itself to; "" none yet
}

// A verdict is what a node that knows no cluster does next.
type verdict struct {
	promise string          // keep and tell this promise first, where it is new
	found   []gossip.Member // form the cluster of these
	reason  string          // why nothing is done yet
}

// decide takes what gossip knows, this node included.
func (f founding) decide(members []gossip.Member) verdict {
	if m, ok := settled(members); ok {
		v := verdict{promise: f.promise, reason: fmt.Sprintf("a cluster exists: %s is part of it; waiting to be added", m.Name)}
		if f.promise == "" || f.promise == f.self {
			v.promise = m.ID
		}
		return v
	}
	fresh, reason := f.fresh(members)
	if reason != "" {
		return verdict{promise: f.promise, reason: reason}
	}
	next, reason := f.next(fresh)
	if next != f.promise || next != f.self {
		return verdict{promise: next, reason: reason}
	}
	followers := slices.DeleteFunc(slices.Clone(fresh), func(m gossip.Member) bool { return m.Promise != f.self && m.ID != f.self })
	if len(followers) < f.expect {
		return verdict{promise: f.promise, reason: fmt.Sprintf("%d of %d voters agreed to form a cluster with this node", len(followers), f.expect)}
	}
	return verdict{promise: f.promise, found: f.pick(followers)}
}

// pick returns this node and the lowest ids of the others, Expect in all.
func (f founding) pick(followers []gossip.Member) []gossip.Member {
	var chosen []gossip.Member
	for _, m := range followers {
		if m.ID == f.self {
			chosen = append(chosen, m)
		}
	}
	for _, m := range followers {
		if m.ID != f.self && len(chosen) < f.expect {
			chosen = append(chosen, m)
		}
	}
	slices.SortFunc(chosen, byID)
	return chosen
}

func byID(a, b gossip.Member) int { return strings.Compare(a.ID, b.ID) }

// settled returns a node that is, or was when it was last heard of, part of a
// cluster: one that is alive before others.
func settled(members []gossip.Member) (found gossip.Member, ok bool) {
	for _, m := range members {
		if (m.State || m.ClusterID != "") && (!ok || m.Alive && !found.Alive) {
			found, ok = m, true
		}
	}
	return found, ok
}

// fresh returns the voters that could form a cluster, by id, or why none may.
func (f founding) fresh(members []gossip.Member) (fresh []gossip.Member, reason string) {
	for _, m := range members {
		switch {
		case !m.Alive || m.NonVoter || m.Expect == 0:
		case m.Expect != f.expect:
			return nil, fmt.Sprintf("%s has bootstrap_expect = %d, this node %d", m.Name, m.Expect, f.expect)
		default:
			fresh = append(fresh, m)
		}
	}
	if len(fresh) < f.expect {
		var names []string
		for _, m := range fresh {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		return nil, fmt.Sprintf("%d of %d voters found: %s", len(fresh), f.expect, strings.Join(names, ", "))
	}
	if m, ok := f.bound(fresh); ok {
		return nil, fmt.Sprintf("%s agreed to form a cluster with node %s, which is not here: if that is gone for good, empty the data directory of %s", m.Name, m.Promise, m.Name)
	}
	slices.SortFunc(fresh, byID)
	return fresh, ""
}

// bound returns another node that promised itself to one that is not among them.
func (f founding) bound(fresh []gossip.Member) (gossip.Member, bool) {
	at := slices.IndexFunc(fresh, func(m gossip.Member) bool {
		here := slices.ContainsFunc(fresh, func(o gossip.Member) bool { return o.ID == m.Promise })
		return m.ID != f.self && m.Promise != "" && !here
	})
	if at < 0 {
		return gossip.Member{}, false
	}
	return fresh[at], true
}

// next returns the founder to be promised to.
func (f founding) next(fresh []gossip.Member) (string, string) {
	if f.promise == "" || f.promise == f.self && fresh[0].ID < f.self {
		return fresh[0].ID, ""
	}
	if f.promise == f.self {
		return f.self, ""
	}
	at := slices.IndexFunc(fresh, func(m gossip.Member) bool { return m.ID == f.promise })
	if at < 0 {
		return f.promise, fmt.Sprintf("waiting for node %s, which this one agreed to form a cluster with, or which is part of one; if that is gone for good, empty this node's data directory", f.promise)
	}
	if m := fresh[at]; m.Promise != "" && m.Promise != m.ID {
		return m.Promise, ""
	}
	return f.promise, "waiting for " + fresh[at].Name + " to form the cluster"
}
