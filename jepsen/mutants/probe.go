package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// ground is where a probe runs one node of the real binary.
type ground struct {
	binary, dir, bug string
	config           nodes.Config // what differs from a node without any
}

// finding is what a probe convicts of; what is "" where all is well.
type finding struct{ by, what string }

// probes returns all probes, by name.
func probes() map[string]func(context.Context, ground) (finding, error) {
	return map[string]func(context.Context, ground) (finding, error){
		"power cut":      powerCut,
		"unknown record": unknownRecord,
		"restore":        restoreBackup,
		"intruders":      intruders,
	}
}

// start starts a cluster of one node, whose data are in dir/n1, and waits until
// it is ready.
func (g ground) start(ctx context.Context) (*nodes.Cluster, *nodes.Node, error) {
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make a folder: %w", err)
	}
	places, err := nodes.Loopback(1)
	if err != nil {
		return nil, nil, err
	}
	places[0].Start = func(cmd *exec.Cmd) error {
		cmd.Env = environment(g.bug)
		return cmd.Start()
	}
	config := g.config
	config.Binary, config.Dir, config.Size, config.Places = g.binary, g.dir, 1, places
	c, err := nodes.Start(config)
	if err != nil {
		return nil, nil, err
	}
	n := c.Nodes()[0]
	return c, n, n.WaitReady(ctx)
}

const limitName = "db"

func makeLimit(ctx context.Context, n *nodes.Node, slots int64) error {
	_, err := n.Must(ctx, http.MethodPut, "/v1/limits/"+limitName, map[string]any{"slots": slots}, nil)
	return err
}

// acquire takes one slot for an hour.
func acquire(ctx context.Context, n *nodes.Node, id string) (wire.Grant, nodes.Answer, error) {
	var g wire.Grant
	a, err := n.Must(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{
		ID: id, Limits: []wire.Entry{{Name: limitName, Slots: 1}}, TTL: wire.Duration(time.Hour),
	}, &g)
	return g, a, err
}
