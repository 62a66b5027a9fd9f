// Package solo is a cluster of one without a log: the real state of limits under
// a clock that a test moves, for the tests of the front ends.
//
//	node := solo.New(t)
//	answer, err := node.Run(ctx, command.Command{Header: command.Header{ID: "a"}, Op: op}, hold)
//	node.Advance(5 * time.Second)
//	node.View(func(s *limit.State) { ... })
package solo

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Node runs commands. Its hooks are set while nothing runs.
type Node struct {
	Fail  func(command.Command) error // asked before a command runs, and before reads
	After func(command.Command) error // asked after it ran
	Stuck bool                        // nothing comes of anything
	Ops   []command.Command           // all that ran

	t     testing.TB
	mu    sync.Mutex
	state *limit.State
	index uint64
	now   int64
	ends  map[string][]chan fsm.Answer // open calls by id
}

// New returns a node with no limits.
func New(t testing.TB) *Node {
	n := &Node{t: t, state: limit.New(), now: 1e9, ends: map[string][]chan fsm.Answer{}}
	n.apply(command.Command{Op: &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules}})
	return n
}

// apply runs one record; n.mu is held.
func (n *Node) apply(c command.Command) fsm.Answer {
	for {
		n.index++
		c.Stamp, c.Term, c.Wall = n.now, 1, 1_700_000_000e9+n.now
		record, err := command.Decode(command.Encode(c))
		if err != nil {
			n.t.Errorf("the record does not survive its encoding: %v", err)
		}
		applied := n.state.Apply(n.index, 1, record)
		at := n.state.Time()
		for _, o := range applied.Outcomes {
			for _, ch := range n.ends[o.ID] {
				ch <- fsm.Answer{Result: o.Result, Index: n.index, Time: at}
			}
			delete(n.ends, o.ID)
		}
		if _, again := applied.Result.(*command.NotRun); !again {
			return fsm.Answer{Result: applied.Result, Index: n.index, Time: at}
		}
	}
}

// Advance moves the clock.
func (n *Node) Advance(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now += int64(d)
	n.apply(command.Command{Op: &command.Tick{}})
}

// Run runs c. An acquire that waits is waited for during hold.
func (n *Node) Run(ctx context.Context, c command.Command, hold time.Duration) (fsm.Answer, error) {
	if n.Stuck {
		<-ctx.Done()
		return fsm.Answer{}, ctx.Err()
	}
	answer, end, err := n.propose(ctx, c, hold)
	if end == nil {
		return answer, err
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case answer := <-end:
		return answer, nil
	case <-timer.C:
		return answer, nil
	case <-ctx.Done():
		return fsm.Answer{}, fmt.Errorf("wait: %w", ctx.Err())
	}
}

func (n *Node) propose(ctx context.Context, c command.Command, hold time.Duration) (fsm.Answer, chan fsm.Answer, error) {
	if err := ctx.Err(); err != nil {
		return fsm.Answer{}, nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.Fail != nil {
		if err := n.Fail(c); err != nil {
			return fsm.Answer{}, nil, err
		}
	}
	c.Accepted = n.now
	n.Ops = append(n.Ops, c)
	answer := n.apply(c)
	if n.After != nil {
		if err := n.After(c); err != nil {
			return fsm.Answer{}, nil, err
		}
	}
	if _, waits := answer.Result.(*command.Waiting); waits {
		return n.await(c.ID, answer, hold)
	}
	return answer, nil, nil
}

// await opens a call for a waiting acquire, unless its own record has ended its
// wait already.
func (n *Node) await(id string, answer fsm.Answer, hold time.Duration) (fsm.Answer, chan fsm.Answer, error) {
	if result, known := n.state.Acquire(id); known {
		if _, waits := result.(*command.Waiting); !waits {
			answer.Result = result
			return answer, nil, nil
		}
	}
	if hold == 0 {
		return answer, nil, nil
	}
	end := make(chan fsm.Answer, 1)
	n.ends[id] = append(n.ends[id], end)
	return answer, end, nil
}

// Read calls read with the state as it is now: by a record, unless it is stale.
func (n *Node) Read(stale bool, read func(*limit.State)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !stale {
		if n.Fail != nil {
			if err := n.Fail(command.Command{Op: &command.Read{}}); err != nil {
				return err
			}
		}
		n.apply(command.Command{Op: &command.Read{}})
	}
	read(n.state)
	return nil
}

// View calls view with the state, which it may not keep.
func (n *Node) View(view func(*limit.State)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	view(n.state)
}

// Restore puts another state in place.
func (n *Node) Restore(s *limit.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
}

// Waiting waits until so many calls are open for the id.
func (n *Node) Waiting(id string, calls int) {
	n.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		n.mu.Lock()
		have := len(n.ends[id])
		n.mu.Unlock()
		if have == calls {
			return
		}
		<-time.After(time.Millisecond)
	}
	n.t.Fatalf("no %d calls wait for %q", calls, id)
}
