package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// StartRedis starts one Redis that syncs its log before it answers. It has no
// replicas: what it is compared with is copied to three nodes.
func StartRedis(ctx context.Context, p Place) (*System, error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	places, err := nodes.Loopback(1)
	if err != nil {
		return nil, err
	}
	address := places[0].HTTP.Listen
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("a free address: %w", err)
	}
	cmd, err := process(p, "redis", "--bind", "127.0.0.1", "--port", port, "--dir", p.Dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err != nil {
		return nil, err
	}
	all := []*exec.Cmd{cmd}
	s := &System{Leader: address, pids: pids(all), close: func() error { return kill(all) }}
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("redis does not answer: %w", err), s.Close())
		}
	}
}
