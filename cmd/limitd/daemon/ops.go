package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// startOps serves profiles and metrics at ops.address. It starts before all that
// it looks into, so that it can be asked why a start hangs, and stops last.
func (d *Daemon) startOps(context.Context) error {
	if d.sockets.ops == nil {
		return nil
	}
	d.ops = &http.Server{
		Handler:           d.opsHandler(),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          d.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	d.opsTask.Go(func() {
		if err := d.ops.Serve(d.sockets.ops); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("the listener for operators failed", "err", err)
		}
	})
	d.log.Info("serving profiles and metrics", "address", d.sockets.ops.Addr().String())
	return nil
}

// opsHandler serves what Go's runtime tells of this process, and its metrics.
func (d *Daemon) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // and the profiles by name
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.deps.Registry, promhttp.HandlerOpts{}))
	return mux
}

func (d *Daemon) stopOps(context.Context) error {
	if d.ops == nil {
		return nil
	}
	err := d.ops.Close() // a profile under way is not worth waiting for
	d.opsTask.Wait()
	return ignoreClosed(err)
}

// OpsAddress returns the host:port of profiles and metrics, "" where none is served.
func (d *Daemon) OpsAddress() string {
	if d.sockets.ops == nil {
		return ""
	}
	return d.sockets.ops.Addr().String()
}
