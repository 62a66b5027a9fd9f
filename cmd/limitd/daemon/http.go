package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/limitd/limitd/transport/httpapi"
)

func (d *Daemon) startHTTP(context.Context) (err error) {
	d.api, err = httpapi.New(httpapi.Config{
		Node: d.cfg.Name, Version: d.deps.Version,
		Backend:   backend{d.node},
		Cluster:   &operations{name: d.cfg.Name, replica: d.replica, node: d.node},
		Snapshots: snapshots{d.node, d.replica},
		Ready:     d.replica.Ready,
		Classify:  classify,
		Registry:  d.deps.Registry,
		Rand:      d.deps.Machine.Rand,
		Logger:    d.log.Named("http"),
	})
	if err != nil {
		return err
	}
	d.server = d.api.HTTPServer()
	d.tasks.Go(func() {
		if err := d.server.Serve(d.sockets.http); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("the HTTP listener failed", "err", err)
		}
	})
	return nil
}

// drainHTTP refuses new calls, sends open waits elsewhere, and lets what is
// under way end. What is left when ctx is over is cut.
func (d *Daemon) drainHTTP(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	d.api.Drain()
	if err := d.server.Shutdown(ctx); err != nil {
		d.log.Warn("some calls did not end in time and are cut", "err", err)
		if err := d.server.Close(); err != nil {
			return fmt.Errorf("close the HTTP server: %w", err)
		}
	}
	return nil
}
