package daemon

import (
	"fmt"
	"slices"

	metrics "github.com/hashicorp/go-metrics/compat"
	promsink "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with the metrics of the process, and has raft,
// memberlist and the log stores count into it. Their counters are one set for
// the whole process, so that the process owns them, not a node: main calls this
// once. A node that is given no registry makes a bare one of its own.
//
// Of the libraries' metrics only those of LibraryMetrics are let through: the
// others have labels of no bound, or tell what ours tell better.
func NewRegistry() (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	sink, err := promsink.NewPrometheusSinkFrom(promsink.PrometheusOpts{Registerer: r, Name: "limitd_libraries"})
	if err != nil {
		return nil, fmt.Errorf("make the sink of the libraries' metrics: %w", err)
	}
	c := metrics.DefaultConfig("limitd")
	c.EnableHostname, c.EnableRuntimeMetrics = false, false
	c.FilterDefault = false
	for _, m := range LibraryMetrics() {
		c.AllowedPrefixes = append(c.AllowedPrefixes, "limitd."+m.Key)
	}
	if _, err := metrics.NewGlobal(c, sink); err != nil {
		return nil, fmt.Errorf("collect the libraries' metrics: %w", err)
	}
	return r, nil
}

// register takes collectors in; what is nil is none.
func register(r *prometheus.Registry, all ...prometheus.Collector) error {
	for _, c := range slices.DeleteFunc(all, func(c prometheus.Collector) bool { return c == nil }) {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
