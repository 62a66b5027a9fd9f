package httpapi_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	errNoLeader = errors.New("no leader")
	errUnknown  = errors.New("outcome unknown")
	errRefused  = errors.New("the last voter cannot leave")
	errNoNode   = errors.New("no such node")
)

// world is a cluster of one without a log: the real state under a clock that
// the test moves.
type world struct {
	t   testing.TB
	api *httpapi.API

	mu    sync.Mutex
	state *limit.State
	index uint64
	now   int64
	ends  map[string][]chan fsm.Answer // open calls by id
	ops   []command.Command            // all that ran
	fail  func(command.Command) error  // before it runs
	after func(command.Command) error  // after it ran
	stuck bool                         // nothing comes of anything

	clusterErr error
	notReady   []string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, state: limit.New(), now: 1e9, ends: map[string][]chan fsm.Answer{}}
	w.mu.Lock()
	w.apply(command.Command{Op: &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: 1}})
	w.mu.Unlock()
	w.ops = nil
	api, err := httpapi.New(httpapi.Config{
		Node: "n1", Version: "0.1.0", Backend: w, Cluster: w, Snapshots: w,
		Ready: func() []string { return w.notReady }, Classify: classify,
		Registry: prometheus.NewRegistry(), Logger: hclog.New(&hclog.LoggerOptions{Output: logTo{t}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.api = api
	return w
}

func classify(err error) wire.Code {
	switch {
	case errors.Is(err, errNoLeader):
		return wire.CodeNoLeader
	case errors.Is(err, errUnknown):
		return wire.CodeOutcomeUnknown
	case errors.Is(err, errRefused):
		return wire.CodeMembershipRefused
	case errors.Is(err, errNoNode):
		return wire.CodeNodeNotFound
	}
	return ""
}

// apply runs one record; w.mu is held.
func (w *world) apply(c command.Command) fsm.Answer {
	for {
		w.index++
		c.Stamp, c.Term, c.Wall = w.now, 1, 1_700_000_000e9+w.now
		record, err := command.Decode(command.Encode(c))
		if err != nil {
			w.t.Errorf("the record does not survive its encoding: %v", err)
		}
		applied := w.state.Apply(w.index, 1, record)
		at := w.state.Time()
		for _, o := range applied.Outcomes {
			for _, ch := range w.ends[o.ID] {
				ch <- fsm.Answer{Result: o.Result, Index: w.index, Time: at}
			}
			delete(w.ends, o.ID)
		}
		if _, again := applied.Result.(*command.NotRun); !again {
			return fsm.Answer{Result: applied.Result, Index: w.index, Time: at}
		}
	}
}

// advance moves the clock.
func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += int64(d)
	w.apply(command.Command{Op: &command.Tick{}})
}

func (w *world) Run(ctx context.Context, c command.Command, hold time.Duration) (fsm.Answer, error) {
	if w.stuck {
		<-ctx.Done()
		return fsm.Answer{}, ctx.Err()
	}
	answer, end, err := w.propose(ctx, c, hold)
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

func (w *world) propose(ctx context.Context, c command.Command, hold time.Duration) (fsm.Answer, chan fsm.Answer, error) {
	if err := ctx.Err(); err != nil {
		return fsm.Answer{}, nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		if err := w.fail(c); err != nil {
			return fsm.Answer{}, nil, err
		}
	}
	c.Accepted = w.now
	w.ops = append(w.ops, c)
	answer := w.apply(c)
	if w.after != nil {
		if err := w.after(c); err != nil {
			return fsm.Answer{}, nil, err
		}
	}
	if _, waits := answer.Result.(*command.Waiting); !waits || hold == 0 {
		return answer, nil, nil
	}
	end := make(chan fsm.Answer, 1)
	w.ends[c.ID] = append(w.ends[c.ID], end)
	return answer, end, nil
}

func (w *world) Read(ctx context.Context, stale bool, read func(*limit.State)) (httpapi.Position, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !stale {
		if w.fail != nil {
			if err := w.fail(command.Command{Op: &command.Read{}}); err != nil {
				return httpapi.Position{}, err
			}
		}
		w.apply(command.Command{Op: &command.Read{}})
	}
	read(w.state)
	return httpapi.Position{Index: w.state.Index(), Time: w.state.Time(), Age: 250 * time.Millisecond}, nil
}

// waiting waits until n calls are open for the id.
func (w *world) waiting(id string, n int) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		w.mu.Lock()
		have := len(w.ends[id])
		w.mu.Unlock()
		if have == n {
			return
		}
		<-time.After(time.Millisecond)
	}
	w.t.Fatalf("no %d calls wait for %q", n, id)
}

func (w *world) Status(context.Context) (wire.Cluster, error) {
	return wire.Cluster{Leader: "n1", Term: 1, Nodes: []wire.Node{{
		ID: "4b7c", Name: "n1", HTTP: "127.0.0.1:7480", Peer: "127.0.0.1:7481", Role: wire.RoleVoter,
		State: wire.StateLeader, Alive: true, Version: "0.1.0", AppliedIndex: 1, LastContact: wire.Duration(0).Ptr(),
	}}}, w.clusterErr
}

func (w *world) Digests(_ context.Context, index uint64) (map[string]string, []string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if index != w.index {
		return nil, []string{"n1"}, w.clusterErr
	}
	sum := w.state.Snapshot().Digest()
	return map[string]string{"n1": hex.EncodeToString(sum[:])}, nil, w.clusterErr
}

func (w *world) Transfer(_ context.Context, to string) error {
	if to == "nowhere" {
		return errNoNode
	}
	return w.clusterErr
}
func (w *world) Leave(context.Context) error          { return w.clusterErr }
func (w *world) Remove(context.Context, string) error { return w.clusterErr }

func (w *world) Save(_ context.Context, out io.Writer) error {
	w.mu.Lock()
	s := w.state.Snapshot()
	w.mu.Unlock()
	if w.clusterErr != nil {
		return w.clusterErr
	}
	return s.Write(out)
}

func (w *world) Restore(_ context.Context, in io.Reader) error {
	s, err := limit.Restore(in)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = s
	return nil
}

// logTo writes the log into the test's.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}
