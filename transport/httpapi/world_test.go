package httpapi_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/solo"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

var (
	errNoLeader = errors.New("no leader")
	errUnknown  = errors.New("outcome unknown")
	errRefused  = errors.New("the last voter cannot leave")
	errNoNode   = errors.New("no such node")
)

// world is the API of a cluster of one.
type world struct {
	*solo.Node
	api *httpapi.API

	clusterErr error
	notReady   []string
	stuck      bool // there is no leader, and none comes
	blank      bool // it has applied nothing
}

func newWorld(t testing.TB) *world { return newWorldWith(t, func(*world, *httpapi.Config) {}) }

// newWorldWith is newWorld with the last word on its configuration.
func newWorldWith(t testing.TB, change func(*world, *httpapi.Config)) *world {
	t.Helper()
	w := &world{Node: solo.New(t)}
	cfg := httpapi.Config{
		Node: "n1", Version: "0.1.0", Backend: w, Cluster: w, Snapshots: w,
		Ready: func() []string { return w.notReady }, Classify: classify,
		Registry: prometheus.NewRegistry(), Logger: hclog.New(&hclog.LoggerOptions{Output: logTo{t}}),
	}
	change(w, &cfg)
	api, err := httpapi.New(cfg)
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

// Run runs a command, once there is a leader.
func (w *world) Run(ctx context.Context, c command.Command, hold time.Duration) (fsm.Answer, error) {
	if err := w.leader(ctx); err != nil {
		return fsm.Answer{}, err
	}
	return w.Node.Run(ctx, c, hold)
}

// leader waits for one.
func (w *world) leader(ctx context.Context) error {
	if !w.stuck {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (w *world) Read(ctx context.Context, stale bool, read func(*limit.State)) (httpapi.Position, error) {
	if !stale {
		if err := w.leader(ctx); err != nil {
			return httpapi.Position{}, err
		}
	}
	at := httpapi.Position{Age: 250 * time.Millisecond}
	err := w.Node.Read(stale, func(s *limit.State) {
		read(s)
		at.Index, at.Time = s.Index(), s.Time()
	})
	if w.blank {
		at.Index, at.Age = 0, -1
	}
	return at, err
}

func (w *world) Status(context.Context) (wire.Cluster, error) {
	return wire.Cluster{Leader: "n1", Term: 1, Nodes: []wire.Node{{
		ID: "4b7c", Name: "n1", HTTP: "127.0.0.1:7480", Peer: "127.0.0.1:7481", Role: wire.RoleVoter,
		State: wire.StateLeader, Alive: true, Version: "0.1.0", AppliedIndex: 1, LastContact: wire.Duration(0).Ptr(),
	}}}, w.clusterErr
}

func (w *world) Digests(_ context.Context, index uint64) (map[string]string, []string, error) {
	var at uint64
	var sum [32]byte
	w.View(func(s *limit.State) { at, sum = s.Index(), s.Snapshot().Digest() })
	if index != at {
		return nil, []string{"n1"}, w.clusterErr
	}
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

func (w *world) SetRole(_ context.Context, name, _ string) error {
	if name == "nowhere" {
		return errNoNode
	}
	return w.clusterErr
}

func (w *world) Autopilot(context.Context) (wire.Autopilot, error) {
	return wire.Autopilot{
		Healthy: true, Voters: 1,
		Nodes: []wire.NodeHealth{{ID: "1", Name: "n1", Peer: "127.0.0.1:7481", Role: wire.RoleVoter, Leader: true, Healthy: true}},
	}, w.clusterErr
}

func (w *world) Save(ctx context.Context, out io.Writer) error {
	if err := w.leader(ctx); err != nil {
		return err
	}
	var frozen *limit.Snapshot
	w.View(func(s *limit.State) { frozen = s.Snapshot() })
	if w.clusterErr != nil {
		return w.clusterErr
	}
	return frozen.Write(out)
}

func (w *world) Restore(_ context.Context, in io.Reader, longestTTL time.Duration) error {
	var moved bytes.Buffer
	if _, err := limit.Rewrite(in, &moved, limit.Restoration{LongestTTL: int64(longestTTL)}); err != nil {
		return err
	}
	s, err := limit.Restore(&moved)
	if err != nil {
		return err
	}
	w.Node.Restore(s)
	return nil
}

// logTo writes the log into the test's.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}
