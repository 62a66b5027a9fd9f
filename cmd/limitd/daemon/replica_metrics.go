package daemon

import (
	"github.com/limitd/limitd/cluster"
	"github.com/prometheus/client_golang/prometheus"
)

// replicaMetrics show what this node does in its cluster, read anew for each
// scrape. The sizes of the state are the HTTP API's metrics.
type replicaMetrics struct {
	replica counting
	list    []replicaMetric
	behind  *prometheus.Desc
}

// counting is what of a replica the metrics are read from.
type counting interface {
	Counters() cluster.Counters
	Gauges() cluster.Gauges
}

// reading is a replica's numbers at one scrape.
type reading struct {
	cluster.Counters
	cluster.Gauges
}

// announced is a replica, and whether its node says that it is ready.
type announced struct {
	*cluster.Replica
	node *Daemon
}

// Gauges returns the numbers of now.
func (a announced) Gauges() cluster.Gauges {
	g := a.Replica.Gauges()
	g.Ready = g.Ready && !a.node.retired.Load()
	return g
}

type replicaMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(reading) float64
}

func newReplicaMetrics(r counting, version string) *replicaMetrics {
	m := &replicaMetrics{replica: r, behind: prometheus.NewDesc("limitd_cluster_behind_entries",
		"Entries of the leader's log that a member is not known to have; shown by the leader.", []string{"node"}, nil)}
	m.addCounters()
	m.addGauges()
	m.list = append(m.list, replicaMetric{
		prometheus.NewDesc("limitd_build_info", "Always 1; the version is the label.", nil, prometheus.Labels{"version": version}),
		prometheus.GaugeValue, func(reading) float64 { return 1 },
	})
	return m
}

func (m *replicaMetrics) addCounters() {
	add := func(name, help string, read func(cluster.Counters) uint64) {
		desc := prometheus.NewDesc("limitd_cluster_"+name+"_total", help, nil, nil)
		m.list = append(m.list, replicaMetric{desc, prometheus.CounterValue, func(r reading) float64 { return float64(read(r.Counters)) }})
	}
	add("records", "Records that this node proposed and that were answered.", func(c cluster.Counters) uint64 { return c.Proposed })
	add("failed_records", "Proposals that ended in an error.", func(c cluster.Counters) uint64 { return c.Failed })
	add("reproposals", "Records that were cut short or of another term, and proposed again.", func(c cluster.Counters) uint64 { return c.NotRun })
	add("ticks", "Ticks that this node proposed.", func(c cluster.Counters) uint64 { return c.Ticks })
	add("reads", "Read records, each for all linearizable reads that waited.", func(c cluster.Counters) uint64 { return c.Reads })
	add("joins", "Waits that were joined without a record.", func(c cluster.Counters) uint64 { return c.Joined })
	add("tenures", "Terms in which this node led.", func(c cluster.Counters) uint64 { return c.Tenures })
	add("leader_changes", "Times that this node heard of another leader than before.", func(c cluster.Counters) uint64 { return c.Leaders })
	add("refused_records", "Records that this node, leading, refused because too many waited for their turn.", func(c cluster.Counters) uint64 { return c.Refused })
	add("restores", "Snapshots that this node's state was restored from.", func(c cluster.Counters) uint64 { return c.Restores })
}

func (m *replicaMetrics) addGauges() {
	add := func(name, help string, read func(cluster.Gauges) float64) {
		desc := prometheus.NewDesc("limitd_"+name, help, nil, nil)
		m.list = append(m.list, replicaMetric{desc, prometheus.GaugeValue, func(r reading) float64 { return read(r.Gauges) }})
	}
	add("ready", "1 where GET /readyz answers 200.", func(g cluster.Gauges) float64 { return oneIf(g.Ready) })
	add("cluster_has_leader", "1 where this node knows a leader.", func(g cluster.Gauges) float64 { return oneIf(g.HasLeader) })
	add("cluster_is_leader", "1 where this node leads.", func(g cluster.Gauges) float64 { return oneIf(g.Leading) })
	add("cluster_term", "Raft's term.", func(g cluster.Gauges) float64 { return float64(g.Term) })
	add("cluster_rules", "Rules version in force in this node's state.", func(g cluster.Gauges) float64 { return float64(g.Rules) })
	add("cluster_last_index", "Newest entry of this node's log.", func(g cluster.Gauges) float64 { return float64(g.Last) })
	add("cluster_commit_index", "Newest entry that this node knows to be committed.", func(g cluster.Gauges) float64 { return float64(g.Committed) })
	add("cluster_snapshot_index", "Newest entry in this node's newest snapshot.", func(g cluster.Gauges) float64 { return float64(g.Snapshot) })
	add("cluster_records_under_way", "Records that this node, leading, has proposed, and that are not answered yet.", func(g cluster.Gauges) float64 { return float64(g.UnderWay) })
	add("cluster_records_waiting", "Records that wait for their turn to be proposed, while as many as help are under way.", func(g cluster.Gauges) float64 { return float64(g.Waiting) })
	add("cluster_open_calls", "Waits that this node, leading, holds open.", func(g cluster.Gauges) float64 { return float64(g.OpenCalls) })
	add("cluster_voters", "Members with a vote.", func(g cluster.Gauges) float64 { return float64(g.Voters) })
	add("cluster_nonvoters", "Members without a vote.", func(g cluster.Gauges) float64 { return float64(g.NonVoters) })
	add("cluster_alive", "Members that this node believes alive, itself among them.", func(g cluster.Gauges) float64 { return float64(g.Alive) })
	add("cluster_alive_voters", "Members with a vote that this node believes alive.", func(g cluster.Gauges) float64 { return float64(g.AliveVoters) })
	add("cluster_leader_contact_seconds", "Time since the leader was heard of; 0 on the leader, -1 where none ever was.", func(g cluster.Gauges) float64 {
		if g.Contact < 0 {
			return -1
		}
		return g.Contact.Seconds()
	})
	add("disk_free_bytes", "Bytes that the node can still write to the disk of data_dir; -1 where it keeps nothing on disk.", func(g cluster.Gauges) float64 { return float64(g.Free) })
	add("disk_low", "1 where that is so little that the node is not ready.", func(g cluster.Gauges) float64 { return oneIf(g.DiskShort) })
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Describe tells the registry what Collect will bring.
func (m *replicaMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, one := range m.list {
		out <- one.desc
	}
	out <- m.behind
}

// Collect reads all numbers.
func (m *replicaMetrics) Collect(out chan<- prometheus.Metric) {
	now := reading{m.replica.Counters(), m.replica.Gauges()}
	for _, one := range m.list {
		out <- prometheus.MustNewConstMetric(one.desc, one.kind, one.read(now))
	}
	for node, entries := range now.Behind {
		out <- prometheus.MustNewConstMetric(m.behind, prometheus.GaugeValue, float64(entries), node)
	}
}
