//go:build linux

package nemesis

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// resize lets one node after the other leave until a single voter is left, and
// takes them in again: of five nodes 5 to 3 to 1 to 3 to 5 voters, under load.
func resize(_ context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(everyone)
	if err != nil {
		return nil, err
	}
	s.shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	what := fmt.Sprintf("%d voters, one by one down to %s alone, and back", len(list), list[0].Name)
	return &Fault{On: names(list), What: what, Mend: func(ctx context.Context) error {
		defer s.give(list)
		shrunk := s.shrink(ctx, list[1:])
		if shrunk == nil {
			sleep(ctx, s.between(200*time.Millisecond, 2*time.Second))
		}
		return errors.Join(shrunk, s.grow(ctx, list[1:]))
	}}, nil
}

// shrink has running nodes leave, each when the one before has gone.
func (s *Stage) shrink(ctx context.Context, list []*nodes.Node) error {
	for _, n := range list {
		leaving, cancel := context.WithTimeout(ctx, wipeTime)
		_, _ = s.ask(leaving, n, http.MethodPost, "/v1/cluster/leave", nil) // the others are asked what came of it
		err := s.remove(leaving, n)
		cancel()
		if err == nil {
			err = s.Cluster.Stop(n)
		}
		if err != nil {
			return fmt.Errorf("let %s go: %w", n.Name, err)
		}
		sleep(ctx, s.between(0, 500*time.Millisecond))
	}
	return nil
}

// grow starts nodes, each when the one before has its vote.
func (s *Stage) grow(ctx context.Context, list []*nodes.Node) error {
	for _, n := range list {
		if err := s.restart([]*nodes.Node{n}); err != nil {
			return err
		}
		if err := s.votes(ctx, n); err != nil {
			return fmt.Errorf("take %s in: %w", n.Name, err)
		}
	}
	return nil
}
