package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// powerCut acquires on a node whose data are on a file system of their own,
// cuts the power, and counts what is left of what was acknowledged.
func powerCut(ctx context.Context, g ground) (found finding, err error) {
	disk, err := nemesis.NewDisk(filepath.Join(g.dir, "n1"))
	if err != nil {
		return found, fmt.Errorf("the probe needs a loop device, and the right to mount it: %w", err)
	}
	defer func() { err = errors.Join(err, disk.Unmount()) }()
	c, n, err := g.start(ctx)
	if c != nil {
		defer c.Close()
	}
	if err == nil {
		err = makeLimit(ctx, n, 1000)
	}
	if err != nil {
		return found, err
	}
	const asked = 40
	for i := range asked {
		if _, _, err := acquire(ctx, n, fmt.Sprintf("cut-%d", i)); err != nil {
			return found, err
		}
	}
	if err := disk.Cut(); err != nil {
		return found, err
	}
	c.Kill(n)
	if err := disk.Plug(); err != nil {
		return found, err
	}
	if err := errors.Join(c.Restart(n), n.WaitReady(ctx)); err != nil {
		return finding{"power", fmt.Sprintf("the node does not come back after a power cut: %v", err)}, nil
	}
	left, err := leases(ctx, n)
	if err == nil && left < asked {
		found = finding{"power", fmt.Sprintf("%d grants were acknowledged, and after a power cut %d are left", asked, left)}
	}
	return found, err
}

// leases counts the leases that a node shows.
func leases(ctx context.Context, n *nodes.Node) (int, error) {
	var page wire.Leases
	_, err := n.Must(ctx, http.MethodGet, "/v1/leases?page_size=1000", nil, &page)
	return len(page.Leases), err
}
