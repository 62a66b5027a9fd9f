package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/limitd/limitd/cluster/gossip"
)

func fresh(id string, expect int, promise string) gossip.Member {
	return gossip.Member{Tags: gossip.Tags{ID: id, Name: "node-" + id, Expect: expect, Promise: promise}, Alive: true}
}

func TestFoundingWaits(t *testing.T) {
	a, b := fresh("a", 3, ""), fresh("b", 3, "")
	c := fresh("c", 3, "")
	dead, other, none, nonvoter := c, c, c, c
	dead.Alive, other.Expect, none.Expect, nonvoter.NonVoter = false, 5, 0, true
	for _, x := range []struct {
		third  gossip.Member
		reason string
	}{
		{dead, "2 of 3 voters found: node-a, node-b"},
		{nonvoter, "2 of 3 voters found"},
		{none, "2 of 3 voters found"},
		{other, "bootstrap_expect = 5"},
		{fresh("c", 3, "z"), "node-c agreed to form a cluster with node z"},
	} {
		v := founding{self: "a", expect: 3}.decide([]gossip.Member{a, b, x.third})
		if v.promise != "" || v.found != nil || !strings.Contains(v.reason, x.reason) {
			t.Errorf("%+v, want %q", v, x.reason)
		}
	}
}

// TestWhoHeardOfAClusterNeverFounds, though none of that cluster is there any
// more, and though he forgets what he heard: his promise is on disk.
func TestWhoHeardOfAClusterNeverFounds(t *testing.T) {
	others := []gossip.Member{fresh("a", 3, "a"), fresh("b", 3, "a"), fresh("c", 3, "a")}
	for _, m := range []gossip.Member{
		{Tags: gossip.Tags{ID: "m", Name: "node-m", State: true, Expect: 3}, Alive: true},
		{Tags: gossip.Tags{ID: "m", Name: "node-m", State: true, Expect: 3}},
		{Tags: gossip.Tags{ID: "m", Name: "node-m", ClusterID: "c0ffee"}},
	} {
		for before, after := range map[string]string{"": "m", "a": "m", "b": "b"} {
			v := founding{self: "a", expect: 3, promise: before}.decide(append(others, m))
			if v.found != nil || v.promise != after || !strings.Contains(v.reason, "node-m") {
				t.Errorf("promised to %q, with %+v: %+v", before, m, v)
			}
		}
	}
	if v := (founding{self: "a", expect: 3, promise: "m"}).decide(others); v.found != nil || v.promise != "m" {
		t.Errorf("forgotten: %+v", v)
	}
}

func TestFoundingSteps(t *testing.T) {
	all := func(pa, pb, pc string) []gossip.Member {
		return []gossip.Member{fresh("c", 3, pc), fresh("a", 3, pa), fresh("b", 3, pb)}
	}
	if v := (founding{self: "b", expect: 3}).decide(all("", "", "")); v.promise != "a" || v.found != nil {
		t.Fatalf("first step: %+v", v)
	}
	if v := (founding{self: "a", expect: 3, promise: "a"}).decide(all("a", "a", "")); v.found != nil || !strings.Contains(v.reason, "2 of 3") {
		t.Fatalf("one has not promised: %+v", v)
	}
	v := founding{self: "a", expect: 3, promise: "a"}.decide(all("a", "a", "a"))
	if len(v.found) != 3 || v.found[0].ID != "a" || v.found[2].ID != "c" {
		t.Fatalf("all promised: %+v", v)
	}
	if v := (founding{self: "b", expect: 3, promise: "a"}).decide(all("a", "a", "a")); v.found != nil {
		t.Fatalf("another founds: %+v", v)
	}
	if v := (founding{self: "c", expect: 3, promise: "b"}).decide(all("a", "a", "b")); v.promise != "a" {
		t.Fatalf("the founder followed another: %+v", v)
	}
	if v := (founding{self: "c", expect: 3, promise: "z"}).decide(all("a", "a", "z")); v.promise != "z" || !strings.Contains(v.reason, "z") {
		t.Fatalf("the founder cannot be seen: %+v", v)
	}
}

// TestTwoClustersAreNeverFormed lets nodes see each other in any order, late,
// and as they were earlier, and lets them restart: no node is ever in two
// clusters, none founds one that has ever heard of another, and where all see
// all in the end, one is formed.
func TestTwoClustersAreNeverFormed(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(rng, 3+rng.IntN(4))
		for range 200 {
			w.step(rng, rng.IntN(len(w.nodes)))
		}
		for round := 0; round < 20 && len(w.clusters) == 0; round++ {
			for i := range w.nodes {
				w.hearAll(i)
				w.act(i)
			}
		}
		in := make(map[string]int)
		for n, c := range w.clusters {
			for _, m := range c {
				if other, twice := in[m.ID]; twice {
					t.Fatalf("seed %d: %s is in the clusters %d and %d", seed, m.ID, other, n)
				}
				in[m.ID] = n
			}
		}
		if w.broken != "" {
			t.Fatalf("seed %d: %s", seed, w.broken)
		}
		if len(w.clusters) == 0 {
			t.Fatalf("seed %d: no cluster though all see all: %+v", seed, w.nodes)
		}
	}
}

const worldExpect = 3

// world is nodes that hear of each other by old news.
type world struct {
	nodes    []founding
	past     [][]gossip.Member          // what each node told, oldest first
	heard    []map[string]gossip.Member // what each heard last of each
	warned   []bool                     // who has ever seen that a cluster exists
	broken   string                     // who founded one all the same
	clusters [][]gossip.Member
}

func newWorld(rng *rand.Rand, n int) *world {
	w := &world{past: make([][]gossip.Member, n), warned: make([]bool, n)}
	for i, id := range rng.Perm(n) {
		w.nodes = append(w.nodes, founding{self: fmt.Sprintf("%c", 'a'+id), expect: worldExpect})
		w.heard = append(w.heard, make(map[string]gossip.Member))
		w.tell(i)
	}
	return w
}

func (w *world) tell(i int) {
	n := w.nodes[i]
	m := fresh(n.self, n.expect, n.promise)
	for _, c := range w.clusters {
		m.State = m.State || c[0].ID == n.self // its founder; the others hear from it
	}
	w.past[i] = append(w.past[i], m)
	w.heard[i][n.self] = m
}

func (w *world) step(rng *rand.Rand, i int) {
	switch rng.IntN(20) {
	case 0: // it is started anew
		clear(w.heard[i])
		w.tell(i)
		return
	case 1, 2, 3, 4, 5, 6, 7, 8, 9:
		w.act(i)
		return
	}
	from := rng.IntN(len(w.nodes))
	told := w.past[from]
	m := told[rng.IntN(len(told))]
	m.Alive = rng.IntN(4) > 0
	if from != i {
		w.heard[i][m.ID] = m
	}
}

func (w *world) hearAll(i int) {
	for from := range w.nodes {
		if told := w.past[from]; from != i {
			w.heard[i][told[len(told)-1].ID] = told[len(told)-1]
		}
	}
}

func (w *world) act(i int) {
	for _, c := range w.clusters {
		for _, m := range c {
			if m.ID == w.nodes[i].self && c[0].ID == m.ID {
				return // it has state by now
			}
		}
	}
	var members []gossip.Member
	for _, m := range w.heard[i] {
		members = append(members, m)
		w.warned[i] = w.warned[i] || m.State
	}
	v := w.nodes[i].decide(members)
	w.nodes[i].promise = v.promise
	if v.found != nil {
		if w.warned[i] {
			w.broken = w.nodes[i].self + " had heard of a cluster and founded another"
		}
		founder := []gossip.Member{}
		for _, m := range v.found {
			if m.ID == w.nodes[i].self {
				founder = append([]gossip.Member{m}, founder...)
			} else {
				founder = append(founder, m)
			}
		}
		w.clusters = append(w.clusters, founder)
	}
	w.tell(i)
}
