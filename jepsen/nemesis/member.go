//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// memberships change who belongs to the cluster, and who leads.
func memberships() []Nemesis {
	kind := func(name, what string, start func(context.Context, *Stage) (*Fault, error)) Nemesis {
		return Nemesis{Name: name, Group: "membership", What: what, Lacks: nothing, Start: start}
	}
	return []Nemesis{
		kind("replace", "a node is lost with its disk, removed, and a new one joins in its place", replaceNode),
		kind("leave", "a node leaves the cluster, is stopped, and joins again with its old data", leaveAndJoin),
		kind("resize", "all nodes but one leave, one by one, and join again", resize),
		kind("transfer", "the leader is told to hand over, some times", transfers),
	}
}

func replaceNode(_ context.Context, s *Stage) (*Fault, error) {
	list, err := s.takeOut()
	if err != nil {
		return nil, err
	}
	s.Cluster.Kill(list[0])
	return &Fault{On: names(list), Hold: s.between(200*time.Millisecond, 2*time.Second), Mend: func(ctx context.Context) error {
		defer s.takeIn(list)
		return s.renew(ctx, list[0])
	}}, nil
}

// takeOut takes a node whose vote the cluster loses, until takeIn. One at a time:
// while one of three leaves, the votes of both others are needed.
func (s *Stage) takeOut() ([]*nodes.Node, error) {
	list, err := s.take(anyone)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	busy := s.out != ""
	if !busy {
		s.out = list[0].Name
	}
	s.mu.Unlock()
	if busy {
		s.give(list)
		return nil, ErrBusy
	}
	return list, nil
}

func (s *Stage) takeIn(list []*nodes.Node) {
	s.mu.Lock()
	s.out = ""
	s.mu.Unlock()
	s.give(list)
}

// wipeTime is how long a node may take to join.
const wipeTime = 40 * time.Second

// renew makes a node that does not run a new one: the old member is removed,
// its data forgotten, and the node joins under a new id.
func (s *Stage) renew(ctx context.Context, n *nodes.Node) error {
	ctx, cancel := context.WithTimeout(ctx, wipeTime)
	defer cancel()
	if err := s.remove(ctx, n); err != nil {
		return err
	}
	if err := n.Wipe(); err != nil {
		return err
	}
	if err := s.Cluster.Restart(n); err != nil {
		return err
	}
	return s.votes(ctx, n)
}

// remove takes a node out of the cluster, by asking the others until one of
// them knows of no member at its address.
func (s *Stage) remove(ctx context.Context, n *nodes.Node) error {
	for {
		gone, err := s.removeOnce(ctx, n)
		if gone {
			return nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return fmt.Errorf("remove %s: %w (%w)", n.Name, ctx.Err(), err)
		}
	}
}

// removeOnce asks one other node who the members are, and to remove those that
// are n: by their ids, for a member that gossip has forgotten has no name.
func (s *Stage) removeOnce(ctx context.Context, n *nodes.Node) (gone bool, err error) {
	other := s.shuffled()[0]
	if other == n || !other.Running() {
		return false, fmt.Errorf("%s cannot be asked", other.Name)
	}
	asking, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var c wire.Cluster
	if _, err := other.Must(asking, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		return false, err
	}
	gone = len(c.Nodes) > 0 && c.Leader != ""
	for _, m := range c.Nodes {
		if m.Name != n.Name && m.Peer != n.Peer {
			continue
		}
		gone = false
		if _, err := other.Must(asking, http.MethodDelete, "/v1/cluster/nodes/"+m.ID, nil, nil); err != nil {
			return false, err
		}
	}
	return gone, nil
}

// ask asks a node once, for 3 s at the most.
func (s *Stage) ask(ctx context.Context, n *nodes.Node, method, path string, body any) (nodes.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return n.Call(ctx, method, path, body)
}

// votes waits until a node is ready and says of itself that it votes.
func (s *Stage) votes(ctx context.Context, n *nodes.Node) error {
	for {
		role := ""
		err := s.readyNow(ctx, n)
		if err == nil {
			role, err = s.role(ctx, n)
		}
		switch {
		case err == nil && role == wire.RoleVoter:
			return nil
		case !n.Running():
			end, _ := n.Ended()
			return fmt.Errorf("%s ended with code %d before it had a vote", n.Name, end.Code)
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("%s has no vote: %w (role %q, %w)", n.Name, ctx.Err(), role, err)
		}
	}
}

func (s *Stage) role(ctx context.Context, n *nodes.Node) (string, error) {
	var c wire.Cluster
	if _, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		return "", err
	}
	for _, m := range c.Nodes {
		if m.Name == n.Name {
			return m.Role, nil
		}
	}
	return "", nil
}

// leaveAndJoin takes a running node out, and starts it anew.
func leaveAndJoin(ctx context.Context, s *Stage) (*Fault, error) {
	list, err := s.takeOut()
	if err != nil {
		return nil, err
	}
	n := list[0]
	a, err := s.ask(ctx, n, http.MethodPost, "/v1/cluster/leave", nil)
	what := "it was told to leave, and may have"
	if err == nil && a.Status == http.StatusNoContent {
		what = "it left"
	}
	return &Fault{On: n.Name, What: what, Hold: s.between(200*time.Millisecond, 2*time.Second), Mend: func(ctx context.Context) error {
		defer s.takeIn(list)
		if err := s.Cluster.Stop(n); err != nil {
			return err
		}
		if err := s.Cluster.Restart(n); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, wipeTime)
		defer cancel()
		return s.votes(ctx, n)
	}}, nil
}

// transfers has the leader hand over some times, at any node's request.
func transfers(_ context.Context, s *Stage) (*Fault, error) {
	times := 1 + int(s.upTo(4))
	return &Fault{On: s.Leader(), What: fmt.Sprintf("asked %d times", times), Mend: func(ctx context.Context) error {
		for range times {
			_, _ = s.ask(ctx, s.shuffled()[0], http.MethodPost, "/v1/cluster/transfer", nil) // what becomes of it, the watch sees
			sleep(ctx, s.between(10*time.Millisecond, 500*time.Millisecond))
		}
		return nil
	}}, nil
}
