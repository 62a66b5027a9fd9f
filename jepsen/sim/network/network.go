// Package network is a network in memory for machines that live in one
// process, in a testing/synctest bubble: streams, as TCP has them, for HTTP and
// for forwarding, and raft's calls as single messages.
//
//	n := network.New(seed)
//	a, b := n.Host("n1"), n.Host("n2")
//	l, err := b.Listen(ctx, "n2:7480")
//	c, err := a.Dial(ctx, "n2:7480")
//	n.Set(network.Link{From: "n1", To: "n2"}, network.Rule{Cut: true}) // the way back stays
//	b.Kill()                                                          // as kill -9 does
//
// What it promises:
//
//   - Each directed link has its own delay, jitter, loss, duplication and cut. On
//     a stream a cut stalls the bytes until it is mended, as a lost packet does;
//     a message of raft is lost.
//   - All chance comes from one seed. Nothing of one machine is shared with
//     another: what travels is copied.
//   - Whatever waits ends when its host dies. A host is one start of a machine:
//     what the dead one still says is heard by nobody.
package network

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Link is the way from one host to another, by their names.
type Link struct{ From, To string }

// Rule is how a link behaves. The zero Rule is a good local network.
type Rule struct {
	Delay  time.Duration // beside the usual fifth of a millisecond
	Jitter time.Duration // up to so much more
	Loss   float64       // of raft's messages: how many of one are lost
	Dup    float64       // of raft's messages: how many arrive twice, the second late
	Cut    bool
}

// Network joins hosts. It is safe for concurrent use.
type Network struct {
	mu      sync.Mutex
	dice    *rand.Rand
	hosts   map[string]*Host // that live, by name
	numbers map[string]byte  // of hosts, for their addresses
	rules   map[Link]Rule
	changed chan struct{} // closed when a rule, or who lives, changes
	count   Count
}

// Count is what the network did.
type Count struct {
	Messages, Lost, Doubled uint64 // of raft
	Streams, Broken         uint64 // opened; broken by Break
}

// New returns a network without hosts.
func New(seed uint64) *Network {
	return &Network{
		dice: rand.New(rand.NewPCG(seed, 0x6e6574)), hosts: make(map[string]*Host), numbers: make(map[string]byte),
		rules: make(map[Link]Rule), changed: make(chan struct{}),
	}
}

// Set changes how a link behaves.
func (n *Network) Set(l Link, r Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules[l] = r
	n.wakeLocked()
}

// Rule returns how a link behaves.
func (n *Network) Rule(l Link) Rule {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rules[l]
}

// Heal makes all links good.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.rules)
	n.wakeLocked()
}

// Count returns what the network did.
func (n *Network) Count() Count {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

// wakeLocked wakes all that wait for a change.
func (n *Network) wakeLocked() {
	renew(&n.changed)
	for _, h := range n.hosts {
		for _, c := range h.conns {
			c.wakeLocked()
		}
	}
}

// blockedLocked tells whether nothing passes from one host to another now.
func (n *Network) blockedLocked(l Link) bool {
	from, to := n.hosts[l.From], n.hosts[l.To]
	return n.rules[l].Cut || from != nil && from.held || to != nil && to.held
}

// usual is the delay of a good link, drawn up to twice.
const usual = 100 * time.Microsecond

// delayLocked draws how long something is on its way.
func (n *Network) delayLocked(l Link) time.Duration {
	r := n.rules[l]
	d := usual + time.Duration(n.dice.Int64N(int64(usual))) + r.Delay
	if r.Jitter > 0 {
		d += time.Duration(n.dice.Int64N(int64(r.Jitter)))
	}
	return d
}
