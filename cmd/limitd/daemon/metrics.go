package daemon

import (
	"fmt"

	metrics "github.com/hashicorp/go-metrics/compat"
	promsink "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry with the metrics of the process, and has raft,
// memberlist and the log stores count into it. Their counters are one set for
// the whole process, so that the process owns them, not a node: main calls this
// once. A node that is given no registry makes a bare one of its own.
func NewRegistry() (*prometheus.Registry, error) {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	sink, err := promsink.NewPrometheusSinkFrom(promsink.PrometheusOpts{Registerer: r, Name: "limitd_libraries"})
	if err != nil {
		return nil, fmt.Errorf("make the sink of the libraries' metrics: %w", err)
	}
	c := metrics.DefaultConfig("limitd")
	c.EnableHostname, c.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(c, sink); err != nil {
		return nil, fmt.Errorf("collect the libraries' metrics: %w", err)
	}
	return r, nil
}

// replicaState is what the metrics of a node's own state are read from.
type replicaState interface {
	View(read func(*limit.State))
	IsLeader() bool
}

// stateMetrics shows a node's own state, read anew for each scrape.
type stateMetrics struct {
	replica replicaState
	gauges  []stateGauge
}

type stateGauge struct {
	desc *prometheus.Desc
	read func(*limit.State) float64
}

func newStateMetrics(r replicaState, version string) *stateMetrics {
	gauge := func(name, help string, read func(*limit.State) float64) stateGauge {
		return stateGauge{prometheus.NewDesc("limitd_"+name, help, nil, nil), read}
	}
	info := prometheus.NewDesc("limitd_build_info", "Always 1; the version is the label.", nil, prometheus.Labels{"version": version})
	return &stateMetrics{replica: r, gauges: []stateGauge{
		gauge("limits", "Limits that exist.", func(s *limit.State) float64 { return float64(s.Counts().Limits) }),
		gauge("leases", "Leases that are held.", func(s *limit.State) float64 { return float64(s.Counts().Leases) }),
		gauge("waiters", "Acquires that wait for slots.", func(s *limit.State) float64 { return float64(s.Counts().Waiters) }),
		gauge("holdings", "Holdings of slots: a lease has one for each of its limits.", func(s *limit.State) float64 { return float64(s.Counts().Holdings) }),
		gauge("remembered_requests", "Requests whose end is remembered for their retries.", func(s *limit.State) float64 { return float64(s.Counts().Remembered) }),
		gauge("applied_index", "Index of the last record that this node has applied.", func(s *limit.State) float64 { return float64(s.Index()) }),
		gauge("cluster_time_seconds", "Cluster time at that record.", func(s *limit.State) float64 { return float64(s.Time()) / 1e9 }),
		gauge("rules_version", "Version of the rules in force.", func(s *limit.State) float64 { return float64(s.Rules()) }),
		gauge("is_leader", "1 where this node leads.", func(*limit.State) float64 {
			if r.IsLeader() {
				return 1
			}
			return 0
		}),
		{info, func(*limit.State) float64 { return 1 }},
	}}
}

// Describe tells the registry what Collect will bring.
func (m *stateMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range m.gauges {
		out <- g.desc
	}
}

// Collect reads all gauges at one record.
func (m *stateMetrics) Collect(out chan<- prometheus.Metric) {
	values := make([]float64, len(m.gauges))
	m.replica.View(func(s *limit.State) {
		for i, g := range m.gauges {
			values[i] = g.read(s)
		}
	})
	for i, g := range m.gauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, values[i])
	}
}
