//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/network"
	"github.com/limitd/limitd/jepsen/nodes"
)

// cut is a plan of a partition: it lays rules into layer, and says what it did.
type cut func(s *Stage, layer string) (on, what string)

// partitions cut links between nodes; callers reach all of them, but in the
// last kind.
func partitions() []Nemesis {
	kind := func(name, what string, plan cut) Nemesis {
		return Nemesis{Name: name, Group: "partition", What: what, Lacks: nothing, Start: func(_ context.Context, s *Stage) (*Fault, error) {
			return s.laid(name, plan), nil
		}}
	}
	return []Nemesis{
		kind("halves", "the nodes in two halves", halves),
		kind("leader-alone", "the leader cut from all other nodes", leaderAlone),
		kind("bridge", "two halves that only one node reaches both of", bridge),
		kind("one-way", "a node is not heard by the others, or does not hear them", oneWay),
		kind("one-link", "one link of two nodes, in one direction", oneLink),
		{Name: "flapping", Group: "partition", What: "a node comes and goes, several times a second", Lacks: nothing, Start: flapping},
		kind("callers-cut", "callers do not reach a node, or half of the answers are lost", callersCut),
	}
}

// laid carries a plan out for a while.
func (s *Stage) laid(name string, plan cut) *Fault {
	layer := s.layer(name)
	on, what := plan(s, layer)
	return &Fault{
		On: on, What: what, Hold: s.between(time.Second, 6*time.Second),
		Mend: func(context.Context) error { s.Network.Clear(layer); return nil },
	}
}

// layer returns a name for rules that no other fault has.
func (s *Stage) layer(name string) string { return fmt.Sprintf("%s-%d", name, s.upTo(1<<62)) }

func (s *Stage) separate(layer string, left, right []*nodes.Node) {
	for _, a := range left {
		for _, b := range right {
			s.Network.Both(layer, s.index(a), s.index(b), network.Rule{Cut: true})
		}
	}
}

func halves(s *Stage, layer string) (on, what string) {
	list := s.shuffled()
	left, right := list[:len(list)/2], list[len(list)/2:]
	s.separate(layer, left, right)
	return names(left) + " | " + names(right), ""
}

// leading returns the nodes with the leader first, if one is known.
func (s *Stage) leading() []*nodes.Node {
	list := s.shuffled()
	for i, n := range list {
		if n.Name == s.Leader() {
			list[0], list[i] = list[i], list[0]
		}
	}
	return list
}

func leaderAlone(s *Stage, layer string) (on, what string) {
	list := s.leading()
	s.separate(layer, list[:1], list[1:])
	return names(list[:1]) + " | " + names(list[1:]), ""
}

func bridge(s *Stage, layer string) (on, what string) {
	list := s.shuffled()
	half := len(list) / 2
	left, right := list[:half], list[half+1:]
	s.separate(layer, left, right)
	return names(left) + " | " + names(right), fmt.Sprintf("only %s reaches both", list[half].Name)
}

func oneWay(s *Stage, layer string) (on, what string) {
	list := s.shuffled()
	if s.upTo(2) == 0 {
		list = s.leading()
	}
	deaf := s.upTo(2) == 0
	self := s.index(list[0])
	for _, n := range list[1:] {
		from, to := self, s.index(n)
		if deaf {
			from, to = to, from
		}
		s.Network.Set(layer, from, to, network.Rule{Cut: true})
	}
	if deaf {
		return names(list[:1]), "it does not hear the others"
	}
	return names(list[:1]), "the others do not hear it"
}

func oneLink(s *Stage, layer string) (on, what string) {
	list := s.leading()
	from, to := list[0], list[1]
	if s.upTo(2) == 0 {
		from, to = to, from
	}
	s.Network.Set(layer, s.index(from), s.index(to), network.Rule{Cut: true})
	return from.Name + " > " + to.Name, ""
}

func callersCut(s *Stage, layer string) (on, what string) {
	n := s.leading()[0]
	if s.upTo(2) == 0 {
		s.Network.Both(layer, network.Callers, s.index(n), network.Rule{Cut: true})
		return n.Name, "callers do not reach it"
	}
	s.Network.Set(layer, s.index(n), network.Callers, network.Rule{Loss: 0.5})
	return n.Name, "half of what it sends to callers is lost"
}

// flapping cuts a node off and lets it back, many times.
func flapping(_ context.Context, s *Stage) (*Fault, error) {
	list := s.leading()
	if s.upTo(2) == 0 {
		list = s.shuffled()
	}
	layer, done, stop := s.layer("flapping"), make(chan struct{}), make(chan struct{})
	go func() { // joined by Mend
		defer close(done)
		for cut := true; ; cut = !cut {
			if cut {
				s.separate(layer, list[:1], list[1:])
			} else {
				s.Network.Clear(layer)
			}
			select {
			case <-stop:
				return
			case <-time.After(s.between(50*time.Millisecond, 700*time.Millisecond)):
			}
		}
	}()
	return &Fault{On: names(list[:1]), Hold: s.between(3*time.Second, 8*time.Second), Mend: func(context.Context) error {
		close(stop)
		<-done
		s.Network.Clear(layer)
		return nil
	}}, nil
}

// slows make links bad without cutting them.
func slows() []Nemesis {
	kind := func(name, what string, plan cut) Nemesis {
		return Nemesis{Name: name, Group: "slow", What: what, Lacks: nothing, Start: func(_ context.Context, s *Stage) (*Fault, error) {
			return s.laid(name, plan), nil
		}}
	}
	return []Nemesis{
		kind("slow-links", "delay, jitter and loss between all nodes", slowLinks),
		kind("slow-node", "one node's links are slow, in one or both directions", slowNode),
		kind("narrow-links", "links that carry little a second", narrowLinks),
		kind("bad-links", "packets come twice, out of order, with flipped bits, or not at all", badLinks),
	}
}

// everywhere lays a rule on all links between nodes.
func (s *Stage) everywhere(layer string, rule func() network.Rule) (on string) {
	for _, a := range s.Cluster.Nodes() {
		for _, b := range s.Cluster.Nodes() {
			if a != b {
				s.Network.Set(layer, s.index(a), s.index(b), rule())
			}
		}
	}
	return names(s.Cluster.Nodes())
}

func slowLinks(s *Stage, layer string) (on, what string) {
	delay := s.between(5*time.Millisecond, 80*time.Millisecond)
	on = s.everywhere(layer, func() network.Rule {
		d := s.between(0, delay)
		return network.Rule{Delay: d, Jitter: d / 2, Loss: float64(s.upTo(5)) / 100}
	})
	return on, fmt.Sprintf("delays up to %s, half of it jitter, up to 4%% lost", delay.Round(time.Millisecond))
}

func slowNode(s *Stage, layer string) (on, what string) {
	list := s.leading()
	rule := network.Rule{Delay: s.between(50*time.Millisecond, 400*time.Millisecond)}
	rule.Jitter = rule.Delay / 3
	way := []string{"to it", "from it", "both ways"}[s.upTo(3)]
	for _, n := range list[1:] {
		if way != "from it" {
			s.Network.Set(layer, s.index(n), s.index(list[0]), rule)
		}
		if way != "to it" {
			s.Network.Set(layer, s.index(list[0]), s.index(n), rule)
		}
	}
	return names(list[:1]), fmt.Sprintf("%s later %s", rule.Delay.Round(time.Millisecond), way)
}

func narrowLinks(s *Stage, layer string) (on, what string) {
	rate := 20_000 + s.upTo(200_000)
	on = s.everywhere(layer, func() network.Rule { return network.Rule{Rate: rate} })
	return on, fmt.Sprintf("%d kB a second", rate/1000)
}

func badLinks(s *Stage, layer string) (on, what string) {
	r := network.Rule{
		Delay: 2 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.02,
		Duplicate: 0.1, Reorder: 0.1, Corrupt: 0.02,
	}
	said := "2ms later, 10% twice, 10% out of order, 2% with a flipped bit, 2% lost"
	if !s.Network.Packets() {
		said += " (connections through relays: delay and loss only)"
	}
	return s.everywhere(layer, func() network.Rule { return r }), strings.TrimSpace(said)
}
