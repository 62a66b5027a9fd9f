//go:build linux

package nemesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// TrustGroup replaces certificates and keys while nodes run by them, so that it is
// asked for by name.
const TrustGroup = "trust"

// trusts change by what nodes know each other, and callers them.
func trusts() []Nemesis {
	kind := func(name, what string, alone bool, start func(context.Context, *Stage) (*Fault, error)) Nemesis {
		return Nemesis{Name: name, Group: TrustGroup, What: what, Alone: alone, Lacks: withoutTLS, Start: start}
	}
	return []Nemesis{
		kind("rotate-certificates", "every node gets a new certificate", false, inSteps((*Stage).newCertificates)),
		kind("rotate-authority", "a new authority is believed, issues all certificates, and is the only one left", false, inSteps((*Stage).newAuthority)),
		kind("rotate-gossip-key", "a new gossip key is added, used, and the only one left", false, inSteps((*Stage).newGossipKey)),
		kind("broken-certificate", "a file of a node's certificates is spoilt, and mended", true, breakCertificate),
	}
}

func withoutTLS(s *Stage) string {
	if s.Trust == nil {
		return "the run is without TLS"
	}
	return ""
}

// inSteps makes a fault of what an operator does step by step.
func inSteps(steps func(*Stage, context.Context) error) func(context.Context, *Stage) (*Fault, error) {
	return func(_ context.Context, s *Stage) (*Fault, error) {
		return &Fault{On: "all nodes", Mend: func(ctx context.Context) error { return steps(s, ctx) }}, nil
	}
}

// inTurn changes files, and has the nodes read them.
func (s *Stage) inTurn(ctx context.Context, changes ...func() error) error {
	for _, change := range changes {
		if err := change(); err != nil {
			return err
		}
		s.reload(ctx)
		sleep(ctx, 300*time.Millisecond)
	}
	return nil
}

func (s *Stage) newCertificates(ctx context.Context) error {
	return errors.Join(s.inTurn(ctx, s.Trust.Reissue), s.allShow(ctx))
}

func (s *Stage) newAuthority(ctx context.Context) error {
	if err := errors.Join(s.inTurn(ctx, s.Trust.AddAuthority, s.Trust.Reissue), s.allShow(ctx)); err != nil {
		return err
	}
	return s.inTurn(ctx, s.Trust.DropOldAuthorities)
}

func (s *Stage) newGossipKey(ctx context.Context) error {
	return s.inTurn(ctx, s.Trust.AddKey, s.Trust.UseNewKey, s.Trust.DropOldKeys)
}

// reload has the nodes that answer read their files. The others do it when they
// start, or by themselves after a while: a process that has just begun would die
// of the signal.
func (s *Stage) reload(ctx context.Context) {
	for _, n := range s.Cluster.Nodes() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		before := n.PID()
		_, err := n.Call(ctx, http.MethodGet, "/livez", nil)
		cancel()
		if err == nil && before != 0 && n.PID() == before {
			_ = s.Cluster.Signal(n, syscall.SIGHUP) // one that has ended meanwhile reads them later
		}
	}
}

// allShow waits until every node that runs shows its newest certificate.
func (s *Stage) allShow(ctx context.Context) error {
	for _, n := range s.Cluster.Nodes() {
		if err := s.eventually(ctx, n, func(ctx context.Context) error { return s.shows(ctx, n) }); err != nil {
			return fmt.Errorf("%s has not taken its new certificate: %w", n.Name, err)
		}
	}
	return nil
}

func (s *Stage) shows(ctx context.Context, n *nodes.Node) error {
	n.Knock()
	a, err := s.ask(ctx, n, http.MethodGet, "/livez", nil)
	if err != nil {
		return err
	}
	return s.Trust.Shows(n.Name, a.TLS)
}

// eventually waits until something is so of a node. One that does not run is let
// off: what it has read it will have read when it starts.
func (s *Stage) eventually(ctx context.Context, n *nodes.Node, so func(context.Context) error) error {
	for {
		err := so(ctx)
		if err == nil || !n.Running() {
			return nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// breakCertificate spoils a file: the node says so, and goes on by what it had.
func breakCertificate(ctx context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(anyone)
	if err != nil {
		return nil, err
	}
	n := list[0]
	said := logSize(n)
	what, mend, err := s.Trust.Break(n.Name, int(s.upTo(4)))
	if err != nil {
		s.give(list)
		return nil, err
	}
	s.reload(ctx)
	return &Fault{On: n.Name, What: what, Hold: s.between(time.Second, 3*time.Second), Mend: func(ctx context.Context) error {
		defer s.give(list)
		serves := errors.Join(s.settle(ctx, n, readyTime), s.eventually(ctx, n, func(ctx context.Context) error { return s.shows(ctx, n) }))
		err := mend()
		s.reload(ctx)
		text, readErr := os.ReadFile(n.Log())
		if readErr == nil && serves == nil && !bytes.Contains(text[min(said, len(text)):], []byte("cannot be used")) {
			serves = fmt.Errorf("%s does not say that its certificate cannot be used", n.Name)
		}
		return errors.Join(serves, err, readErr)
	}}, nil
}

func logSize(n *nodes.Node) int {
	info, err := os.Stat(n.Log())
	if err != nil {
		return 0
	}
	return int(info.Size())
}
