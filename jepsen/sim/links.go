package sim

import (
	"time"

	"github.com/limitd/limitd/jepsen/sim/disk"
	"github.com/limitd/limitd/jepsen/sim/network"
)

// ways sets a rule on the ways from each of some machines to each of others, and
// returns what takes it off again.
func (b *blow) ways(from, to []*node, r network.Rule) func() {
	var links []network.Link
	for _, x := range from {
		for _, y := range to {
			if x != y {
				links = append(links, network.Link{From: x.name, To: y.name})
			}
		}
	}
	return b.rule(links, r)
}

// rule sets a rule on links, and returns what takes it off again.
func (b *blow) rule(links []network.Link, r network.Rule) func() {
	for _, l := range links {
		b.net.Set(l, r)
	}
	return func() {
		for _, l := range links {
			b.net.Set(l, network.Rule{})
		}
	}
}

func both(x, y func()) func() { return func() { x(); y() } }

// others returns the machines that the fault is not on.
func (b *blow) others() (list []*node) {
	for _, n := range b.members() {
		if names(b.on) == "" || !contains(b.on, n) {
			list = append(list, n)
		}
	}
	return list
}

func contains(list []*node, n *node) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// cut is a link on which nothing passes.
func cut() network.Rule { return network.Rule{Cut: true} }

// isolate cuts machines off from the others, not from each other, nor from the
// callers.
func isolate(b *blow) (func(), error) {
	rest := b.others()
	return both(b.ways(b.on, rest, cut()), b.ways(rest, b.on, cut())), nil
}

// unheard cuts the gossip of machines off from that of the others. All else goes
// on.
func unheard(b *blow) (func(), error) {
	type pair struct{ on, other string }
	var pairs []pair
	for _, n := range b.on {
		for _, m := range b.others() {
			pairs = append(pairs, pair{n.name, m.name})
			b.rumour.Cut(n.name, m.name)
		}
	}
	return func() {
		for _, p := range pairs {
			b.rumour.Mend(p.on, p.other)
		}
	}, nil
}

// split cuts machines off from the others in every way, as a switch does that
// fails; what isolate leaves is their gossip.
func split(b *blow) (func(), error) {
	mendLinks, _ := isolate(b)
	mendGossip, _ := unheard(b)
	return both(mendLinks, mendGossip), nil
}

// oneWay cuts the way from one machine to another.
func oneWay(b *blow) (func(), error) { return b.ways(b.on[:1], b.on[1:], cut()), nil }

// deaf cuts the ways to a machine.
func deaf(b *blow) (func(), error) { return b.ways(b.others(), b.on, cut()), nil }

// mute cuts the ways from a machine.
func mute(b *blow) (func(), error) { return b.ways(b.on, b.others(), cut()), nil }

// flapEvery is how long a flapping link stays as it is.
const flapEvery = 230 * time.Millisecond

// flap isolates a machine again and again.
func flap(b *blow) (func(), error) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for rest(b.ctx, flapEvery) {
			mend, _ := isolate(b)
			rest(b.ctx, flapEvery)
			mend()
		}
	}()
	return func() { <-ended }, nil
}

// lossy makes all ways between the machines bad.
func lossy(b *blow) (func(), error) {
	all := b.members()
	return b.ways(all, all, network.Rule{Loss: b.Rate, Dup: b.Rate / 2, Jitter: b.Size}), nil
}

// slowLink delays all that goes to a machine or comes from it.
func slowLink(b *blow) (func(), error) {
	r := network.Rule{Delay: b.Size / 2, Jitter: b.Size / 2}
	all := b.members()
	links := b.toCallers(b.on)
	return both(b.rule(links, r), both(b.ways(b.on, all, r), b.ways(all, b.on, r))), nil
}

// toCallers returns the ways between machines and the callers.
func (b *blow) toCallers(list []*node) (links []network.Link) {
	for _, n := range list {
		links = append(links, network.Link{From: n.name, To: callersHost}, network.Link{From: callersHost, To: n.name})
	}
	return links
}

// hidden cuts a machine off from the callers.
func hidden(b *blow) (func(), error) { return b.rule(b.toCallers(b.on), cut()), nil }

// breakStreams resets all open streams: between machines, and those of callers.
func breakStreams(b *blow) (func(), error) {
	for _, x := range b.on {
		for _, y := range b.on {
			b.net.Break(x.name, y.name)
		}
		b.net.Break(callersHost, x.name)
	}
	return func() {}, nil
}

// disks sets a rule on disks, and returns what takes it off again.
func (b *blow) disks(r disk.Rule) func() {
	for _, n := range b.on {
		n.storage().Set(r)
	}
	return func() {
		for _, n := range b.on {
			n.storage().Set(disk.Rule{})
		}
	}
}

func diskSlow(b *blow) (func(), error) { return b.disks(disk.Rule{Slow: b.Size}), nil }
func diskFull(b *blow) (func(), error) { return b.disks(disk.Rule{Full: true}), nil }
func diskHang(b *blow) (func(), error) { return b.disks(disk.Rule{Hang: true}), nil }
