package daemon

import (
	"fmt"

	metrics "github.com/hashicorp/go-metrics/compat"
	promsink "github.com/hashicorp/go-metrics/compat/prometheus"
	"github.com/limitd/limitd/cluster"
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

// clusterMetrics shows what this node does in its cluster, read anew for each
// scrape. The sizes of the state are the HTTP API's metrics.
type clusterMetrics struct {
	replica counting
	list    []clusterMetric
}

// counting is what of a replica the metrics are read from.
type counting interface {
	Counters() cluster.Counters
	IsLeader() bool
}

type clusterMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(cluster.Counters) uint64
}

func newClusterMetrics(r counting, version string) *clusterMetrics {
	m := &clusterMetrics{replica: r}
	add := func(kind prometheus.ValueType, name, help string, labels prometheus.Labels, read func(cluster.Counters) uint64) {
		m.list = append(m.list, clusterMetric{prometheus.NewDesc("limitd_"+name, help, nil, labels), kind, read})
	}
	counter := func(name, help string, read func(cluster.Counters) uint64) {
		add(prometheus.CounterValue, "cluster_"+name+"_total", help, nil, read)
	}
	counter("records", "Records that this node proposed and that were answered.", func(c cluster.Counters) uint64 { return c.Proposed })
	counter("failed_records", "Proposals that ended in an error.", func(c cluster.Counters) uint64 { return c.Failed })
	counter("reproposals", "Records that were cut short or of another term, and proposed again.", func(c cluster.Counters) uint64 { return c.NotRun })
	counter("ticks", "Ticks that this node proposed.", func(c cluster.Counters) uint64 { return c.Ticks })
	counter("reads", "Read records, each for all linearizable reads that waited.", func(c cluster.Counters) uint64 { return c.Reads })
	counter("joins", "Waits that were joined without a record.", func(c cluster.Counters) uint64 { return c.Joined })
	counter("tenures", "Terms in which this node led.", func(c cluster.Counters) uint64 { return c.Tenures })
	counter("restores", "Snapshots that this node's state was restored from.", func(c cluster.Counters) uint64 { return c.Restores })
	add(prometheus.GaugeValue, "cluster_open_calls", "Waits that this node, leading, holds open.", nil,
		func(c cluster.Counters) uint64 { return uint64(c.OpenCalls) })
	add(prometheus.GaugeValue, "cluster_is_leader", "1 where this node leads.", nil, func(cluster.Counters) uint64 {
		if r.IsLeader() {
			return 1
		}
		return 0
	})
	add(prometheus.GaugeValue, "build_info", "Always 1; the version is the label.", prometheus.Labels{"version": version},
		func(cluster.Counters) uint64 { return 1 })
	return m
}

// Describe tells the registry what Collect will bring.
func (m *clusterMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, one := range m.list {
		out <- one.desc
	}
}

// Collect reads all numbers.
func (m *clusterMetrics) Collect(out chan<- prometheus.Metric) {
	counters := m.replica.Counters()
	for _, one := range m.list {
		out <- prometheus.MustNewConstMetric(one.desc, one.kind, float64(one.read(counters)))
	}
}
