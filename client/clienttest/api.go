package clienttest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

const nodeName = "clienttest"

// newAPI returns limitd's HTTP API on top of n. What goes wrong in it is logged.
func newAPI(n *node, log io.Writer) (*httpapi.API, error) {
	return httpapi.New(httpapi.Config{
		Node: nodeName, Version: "clienttest", Backend: n, Cluster: alone{n}, Snapshots: n,
		Ready:    func() []string { return nil },
		Classify: classify,
		Registry: prometheus.NewRegistry(),
		Logger:   hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Error}),
	})
}

// errAlone says that a cluster of one node stays as it is.
var errAlone = errors.New("the cluster of package clienttest has one node, which stays")

func classify(err error) wire.Code {
	if errors.Is(err, errAlone) {
		return wire.CodeMembershipRefused
	}
	return ""
}

// alone is a cluster of one node.
type alone struct{ n *node }

// Status tells of the one node.
func (a alone) Status(context.Context) (wire.Cluster, error) {
	a.n.mu.Lock()
	defer a.n.mu.Unlock()
	return wire.Cluster{
		ClusterID: fmt.Sprintf("%x", a.n.state.ClusterID()), Leader: nodeName, Term: term,
		Time: fmt.Sprint(a.n.nowLocked()), Rules: a.n.state.Rules(),
		Nodes: []wire.Node{{
			Name: nodeName, Role: wire.RoleVoter, State: wire.StateLeader, Alive: true, Version: "clienttest",
			AppliedIndex: a.n.index, LastContact: wire.Duration(0).Ptr(),
		}},
	}, nil
}

// Digests returns that of the one node.
func (a alone) Digests(context.Context, uint64) (map[string]string, []string, error) {
	a.n.mu.Lock()
	defer a.n.mu.Unlock()
	sum := a.n.state.Snapshot().Digest()
	return map[string]string{nodeName: hex.EncodeToString(sum[:])}, nil, nil
}

func (alone) Transfer(context.Context, string) error { return errAlone }
func (alone) Leave(context.Context) error            { return errAlone }
func (alone) Remove(context.Context, string) error   { return errAlone }

func (alone) SetRole(context.Context, string, string) error { return errAlone }
func (alone) Autopilot(context.Context) (wire.Autopilot, error) {
	return wire.Autopilot{}, errAlone
}

// Save writes the state.
func (n *node) Save(_ context.Context, w io.Writer) error {
	n.mu.Lock()
	s := n.state.Snapshot()
	n.mu.Unlock()
	return s.Write(w)
}

// Restore puts the state in r in the place of the present one.
func (n *node) Restore(_ context.Context, r io.Reader, longestTTL time.Duration) error {
	n.mu.Lock()
	how := limit.Restoration{Token: n.state.Token(), LongestTTL: int64(longestTTL)}
	n.mu.Unlock()
	var moved bytes.Buffer
	if _, err := limit.Rewrite(r, &moved, how); err != nil {
		return err
	}
	s, err := limit.Restore(&moved)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	return nil
}
