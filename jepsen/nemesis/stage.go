//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/network"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/jepsen/secure"
)

// Stage is what faults strike.
type Stage struct {
	Cluster *nodes.Cluster
	Network *network.Network
	Record  *history.Recorder
	// Leader names who was last seen leading; "": nobody.
	Leader func() string
	// Clock: the binary steps its wall clock on SIGUSR1 and SIGUSR2.
	Clock bool
	// To is the build that an upgrade goes to; a path where there is none: no upgrade.
	To string
	// Disks are the nodes' data directories, n1's first; nil: plain folders, for
	// the reason that NoDisks tells.
	Disks   []*Disk
	NoDisks string
	// Store is the kind of log store: boltdb or wal.
	Store string
	// Trust and Tokens are what the cluster believes by; nil: it runs without.
	Trust  *secure.Trust
	Tokens *secure.Tokens
	// Struck counts faults of earlier runs by kind: those with few come first.
	Struck map[string]int
	// Calm is how long nothing is wrong between two faults, at the least.
	Calm time.Duration

	alone sync.RWMutex // held alone by faults that stand no other

	mu    sync.Mutex
	rng   *rand.Rand
	down  map[string]bool   // by node: a fault has it
	out   string            // the node that a fault takes out of the cluster; "": none
	after map[string][]span // by node: when it may end by a fault that is mended
}

// Open readies the stage. Chance comes from seed.
func (s *Stage) Open(seed uint64) {
	s.rng = rand.New(rand.NewPCG(seed, 0x6e656d65736973))
	s.down, s.after = make(map[string]bool), make(map[string][]span)
}

func (s *Stage) enter(alone bool) (leave func()) {
	if alone {
		s.alone.Lock()
		return s.alone.Unlock
	}
	s.alone.RLock()
	return s.alone.RUnlock
}

// calm lets nothing happen for a while; false: ctx ended.
func (s *Stage) calm(ctx context.Context) bool {
	return sleep(ctx, s.between(s.Calm, 2*s.Calm))
}

// shuffle puts n things in random order.
func (s *Stage) shuffle(n int, swap func(i, j int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rng.Shuffle(n, swap)
}

// between returns a random duration from least to most.
func (s *Stage) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.upTo(int64(most-least)+1))
}

// upTo returns a random number below n.
func (s *Stage) upTo(n int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Int64N(n)
}

// shuffled returns the nodes in random order.
func (s *Stage) shuffled() []*nodes.Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.Cluster.Nodes())
	s.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// who is what a fault is after.
type who int

const (
	anyone who = iota
	leader
	follower
	majority
	everyone
)

// take returns the nodes that a fault is after, and marks them: no other fault
// takes them before give. The leader is one of a majority.
func (s *Stage) take(w who) ([]*nodes.Node, error) {
	list, leads := s.shuffled(), s.Leader()
	slices.SortStableFunc(list, func(a, b *nodes.Node) int { return first(a.Name == leads) - first(b.Name == leads) })
	n := len(list)
	switch w {
	case anyone:
		i := s.upTo(int64(n))
		list = list[i : i+1]
	case leader:
		list = list[:1]
	case follower:
		list = list[1:2]
	case majority:
		list = list[:n/2+1]
	}
	return list, s.claim(list)
}

func first(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

func (s *Stage) claim(list []*nodes.Node) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range list {
		if s.down[n.Name] {
			return ErrBusy
		}
	}
	for _, n := range list {
		s.down[n.Name] = true
	}
	return nil
}

// give takes the marks off.
func (s *Stage) give(list []*nodes.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range list {
		delete(s.down, n.Name)
	}
}

// Down tells whether a fault has the node: it may be dead.
func (s *Stage) Down(n *nodes.Node) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down[n.Name]
}

// index returns a node's place in the network.
func (s *Stage) index(n *nodes.Node) int { return slices.Index(s.Cluster.Nodes(), n) + 1 }

// names joins the nodes' names.
func names(list []*nodes.Node) string {
	var all []string
	for _, n := range list {
		all = append(all, n.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// restart starts nodes that a fault has ended.
func (s *Stage) restart(list []*nodes.Node) error {
	for _, n := range list {
		if n.Running() {
			continue
		}
		if err := s.Cluster.Restart(n); err != nil {
			return err
		}
	}
	return nil
}

// settle waits for a node to be ready, for d at the most: other faults may keep
// it from that.
func (s *Stage) settle(ctx context.Context, n *nodes.Node, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		err := s.readyNow(ctx, n)
		if err == nil || ctx.Err() != nil || !n.Running() {
			return err
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

// readyNow reads through the node, which a node needs to know that it has
// caught up, and asks whether it is ready.
func (s *Stage) readyNow(ctx context.Context, n *nodes.Node) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := n.Call(ctx, http.MethodGet, "/v1/limits/none", nil); err != nil {
		return fmt.Errorf("read through %s: %w", n.Name, err)
	}
	a, err := n.Call(ctx, http.MethodGet, "/readyz", nil)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%s is not ready: %s", n.Name, a.Body)
	}
	return err
}

// Heal mends the network and waits until every node is ready and votes.
func (s *Stage) Heal(ctx context.Context) error {
	s.Network.Mend()
	for _, n := range s.Cluster.Nodes() {
		for err := s.votes(ctx, n); err != nil; err = s.votes(ctx, n) {
			if dead, why := s.Tend(ctx, n); ctx.Err() != nil || why != nil || !dead {
				return err
			}
		}
	}
	return nil
}
