package daemon

import "strings"

// LibraryMetric is a metric of raft, memberlist or a log store.
type LibraryMetric struct {
	Key   string // as the library names it: "raft.commitTime"
	Type  string // counter, gauge or summary
	Label string // the only one, whose values are bounded by the number of nodes; "": none
}

// Name returns the name that Prometheus sees. It is shown from the first time
// that something is counted.
func (m LibraryMetric) Name() string {
	return "limitd_" + strings.NewReplacer(".", "_").Replace(m.Key)
}

// LibraryMetrics returns all that are shown of the libraries' metrics.
func LibraryMetrics() []LibraryMetric {
	const counter, gauge, summary = "counter", "gauge", "summary"
	return []LibraryMetric{
		{"raft.apply", counter, ""},
		{"raft.commitTime", summary, ""},
		{"raft.commitNumLogs", gauge, ""},
		{"raft.leader.dispatchLog", summary, ""},
		{"raft.leader.dispatchNumLogs", gauge, ""},
		{"raft.leader.lastContact", summary, ""},
		{"raft.fsm.enqueue", summary, ""},
		{"raft.fsm.snapshot", summary, ""},
		{"raft.fsm.restore", summary, ""},
		{"raft.state.leader", counter, ""},
		{"raft.state.candidate", counter, ""},
		{"raft.state.follower", counter, ""},
		{"raft.transition.heartbeat_timeout", counter, ""},
		{"raft.transition.leader_lease_timeout", counter, ""},
		{"raft.candidate.electSelf", summary, ""},
		{"raft.rpc.appendEntries", summary, ""},
		{"raft.rpc.appendEntries.storeLogs", summary, ""},
		{"raft.rpc.appendEntries.processLogs", summary, ""},
		{"raft.rpc.requestVote", summary, ""},
		{"raft.rpc.installSnapshot", summary, ""},
		{"raft.replication.appendEntries.rpc", summary, "peer_id"},
		{"raft.replication.appendEntries.logs", counter, "peer_id"},
		{"raft.replication.installSnapshot", summary, "peer_id"},
		{"raft.snapshot.create", summary, ""},
		{"raft.snapshot.persist", summary, ""},
		{"raft.snapshot.takeSnapshot", summary, ""},
		{"raft.compactLogs", summary, ""},
		{"raft.thread.main.saturation", summary, ""},
		{"raft.thread.fsm.saturation", summary, ""},
		{"raft.boltdb.storeLogs", summary, ""},
		{"raft.boltdb.logsPerBatch", summary, ""},
		{"memberlist.health.score", gauge, ""},
		{"memberlist.msg.alive", counter, ""},
		{"memberlist.msg.suspect", counter, ""},
		{"memberlist.msg.dead", counter, ""},
		{"memberlist.degraded.probe", counter, ""},
		{"memberlist.degraded.timeout", counter, ""},
		{"memberlist.probeNode", summary, ""},
		{"memberlist.gossip", summary, ""},
		{"memberlist.pushPullNode", summary, ""},
		{"memberlist.queue.broadcasts", summary, ""},
		{"memberlist.node.instances", gauge, "node_state"},
		{"memberlist.tcp.connect", counter, ""},
		{"memberlist.tcp.accept", counter, ""},
		{"memberlist.tcp.sent", counter, ""},
		{"memberlist.udp.sent", counter, ""},
		{"memberlist.udp.received", counter, ""},
	}
}
