package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/prefect"
	"github.com/prometheus/client_golang/prometheus"
)

func (d *Daemon) startHTTP(context.Context) (err error) {
	h := d.cfg.HTTP
	d.api, err = httpapi.New(httpapi.Config{
		Node: d.cfg.Name, Version: d.deps.Version,
		Backend:   backend{d.node},
		Cluster:   &operations{name: d.cfg.Name, replica: d.replica, node: d.node},
		Snapshots: snapshots{d.node, d.replica},
		Ready:     d.ready,
		Classify:  classify,
		Registry:  d.deps.Registry,
		Gate:      &d.gate,
		Rand:      d.deps.Machine.Rand,
		Logger:    d.log.Named("http"),

		Access:   httpapi.Access{Guard: d.guard(), OpenMetrics: d.cfg.ACL.OpenMetrics, Audit: d.auditLog, Reset: d.mayReset},
		Timeouts: httpapi.Timeouts{Header: h.HeaderTimeout, Body: h.BodyTimeout, Write: h.WriteTimeout, Idle: h.IdleTimeout},
	})
	if err != nil {
		return err
	}
	d.server = d.api.HTTPServer()
	if err := d.startPrefect(); err != nil {
		return err
	}
	crowd := httpapi.NewCrowd(d.sockets.http, int(h.MaxConnections), h.WriteTimeout, d.cfg.TLS.Scheme() != "http")
	if err := register(d.deps.Registry, crowdMetrics(crowd)...); err != nil {
		return err
	}
	d.tasks.Go(func() {
		if err := d.serve(crowd); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("the HTTP listener failed", "err", err)
		}
	})
	return nil
}

// crowdMetrics show how many callers are connected.
func crowdMetrics(c *httpapi.Crowd) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "limitd_http_connections", Help: "Connections of callers that are open."},
			func() float64 { return float64(c.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "limitd_http_refused_connections_total", Help: "Connections that came when as many were open as http.max_connections allows."},
			func() float64 { return float64(c.Refused()) }),
	}
}

// serve answers clients until the server is shut down.
func (d *Daemon) serve(l net.Listener) error {
	if d.cfg.TLS.Scheme() == "http" {
		return d.server.Serve(l)
	}
	d.server.TLSConfig = d.trust.certs.HTTP()
	return d.server.ServeTLS(l, "", "")
}

// startPrefect puts the API for Prefect's clients beside the native one.
func (d *Daemon) startPrefect() (err error) {
	if !d.cfg.Prefect.Enabled {
		return nil
	}
	upstream, err := d.cfg.Prefect.UpstreamURL()
	if err != nil {
		return err
	}
	d.prefect, err = prefect.New(prefect.Config{
		Node:          d.cfg.Name,
		Backend:       prefectBackend{d.node, d.replica},
		Ready:         d.ready,
		Classify:      classify,
		Guard:         d.guard(),
		Audit:         d.auditLog,
		Gate:          &d.gate,
		Registry:      d.deps.Registry,
		Rand:          d.deps.Machine.Rand,
		Logger:        d.log.Named("prefect"),
		Hold:          d.cfg.Prefect.Hold,
		BodyTimeout:   d.cfg.HTTP.BodyTimeout,
		WriteTimeout:  d.cfg.HTTP.WriteTimeout,
		CreateMissing: d.cfg.Prefect.CreateMissing,
		Upstream:      upstream,
	})
	if err != nil {
		return err
	}
	d.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefect.Serves(r.URL.Path) {
			d.prefect.ServeHTTP(w, r)
			return
		}
		d.api.ServeHTTP(w, r)
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
	if d.prefect != nil {
		d.prefect.Close()
	}
	if err := d.server.Shutdown(ctx); err != nil {
		d.log.Warn("some calls did not end in time and are cut", "err", err)
		if err := d.server.Close(); err != nil {
			return fmt.Errorf("close the HTTP server: %w", err)
		}
	}
	return nil
}
