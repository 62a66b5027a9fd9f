package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/transport/cert"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	Key     string // the key to mend; "limit.NAME.KEY" in limit blocks
	Summary string // a few words
	Detail  string // what is wrong, and the mend
}

// Error returns the problem in one line.
func (p Problem) Error() string { return p.Key + ": " + p.Detail }

// checker gathers the problems of one configuration.
type checker struct{ problems []Problem }

// Validate returns everything that is wrong with c; nothing means that a node
// may start with it.
func Validate(c Config) []Problem {
	k := &checker{}
	k.node(c)
	k.addresses(c)
	k.tls(c.TLS)
	k.lasting("prefect.hold", c.Prefect.Hold, 0, 40*time.Second)
	k.upstream(c)
	k.http(c.HTTP)
	k.acl(c.ACL)
	k.cluster(c.Cluster)
	k.raft(c.Raft)
	k.autopilot(c.Autopilot, c.Raft)
	k.ops(c)
	k.snapshot(c)
	k.limits(c.Limits)
	for _, l := range c.Limit {
		k.limit(l)
	}
	return k.problems
}

func (k *checker) fail(key, summary, format string, args ...any) {
	k.problems = append(k.problems, Problem{Key: key, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

func (k *checker) upstream(c Config) {
	u, err := c.Prefect.UpstreamURL()
	switch {
	case err != nil:
		k.fail("prefect.upstream", "Unsuitable address", "%v.", err)
	case u != nil && c.HTTP.serves(u):
		k.fail("prefect.upstream", "The node itself", "prefect.upstream is %q, where this node itself answers: name the Prefect server that keeps the flows, or leave it out.", u.Redacted())
	}
}

func (k *checker) node(c Config) {
	if !isNodeName(c.Name) {
		k.fail("name", "Unsuitable name", "The node's name is %q: use 1 to 63 of a-z A-Z 0-9 . _ -, the first a letter or digit.", c.Name)
	}
	if c.DataDir == "" && !c.Memory {
		k.fail("data_dir", "No data folder", "Say where the node keeps its identity and log: data_dir = \"/var/lib/limitd\".")
	}
	k.oneOf("log.level", c.Log.Level, Words("log.level")...)
	k.oneOf("log.format", c.Log.Format, Words("log.format")...)
}

func (k *checker) http(h HTTP) {
	k.within("http.max_connections", h.MaxConnections, 10, 1_000_000)
	k.lasting("http.header_timeout", h.HeaderTimeout, time.Second, time.Hour)
	k.lasting("http.body_timeout", h.BodyTimeout, time.Second, time.Hour)
	k.lasting("http.write_timeout", h.WriteTimeout, time.Second, time.Hour)
	k.lasting("http.idle_timeout", h.IdleTimeout, time.Second, 24*time.Hour)
	k.lasting("http.drain_delay", h.DrainDelay, 0, 5*time.Minute)
}

// acl checks what is said of callers. Whether the policy exists is for the cluster
// to say.
func (k *checker) acl(a ACL) {
	if a.Anonymous != "" && acl.CheckName(a.Anonymous) != "" {
		k.fail("acl.anonymous", "Unsuitable name", "acl.anonymous is %q: name a policy, such as \"read\".", a.Anonymous)
	}
	if a.Anonymous != "" && !a.Enabled {
		k.fail("acl.anonymous", "Nobody would be asked", "acl.anonymous says what clients without a token may do, and acl.enabled is false: they may do everything. Set enabled = true.")
	}
}

func isNodeName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`).MatchString(name)
}

// tls checks that the files come together. What is in them is for the node to see.
func (k *checker) tls(t TLS) {
	files := []struct{ key, value string }{{"tls.ca_file", t.CAFile}, {"tls.cert_file", t.CertFile}, {"tls.key_file", t.KeyFile}}
	given := ""
	for _, f := range files {
		if f.value != "" {
			given = f.key
		}
	}
	for _, f := range files {
		if given != "" && f.value == "" {
			k.fail(f.key, "Half a certificate", "There is %s, and no %s: ca_file, cert_file and key_file come together.", given, f.key)
		}
	}
	k.oneOf("tls.verify_client", t.VerifyClient, Words("tls.verify_client")...)
	if t.VerifyClient != "off" && (given == "" || !t.HTTP) {
		k.fail("tls.verify_client", "Nobody would be asked",
			"verify_client is %q, but clients are served by http. Give ca_file, cert_file and key_file, and leave http = true.", t.VerifyClient)
	}
	if !isHost(t.ServerName) {
		k.fail("tls.server_name", "Unsuitable name", "tls.server_name is %q: write a name as of a host, such as %q.", t.ServerName, cert.DefaultName)
	}
}

func isHost(name string) bool {
	return len(name) <= 253 && regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`).MatchString(name)
}

func (k *checker) cluster(c Cluster) {
	k.within("cluster.bootstrap_expect", c.BootstrapExpect, 0, 9)
	k.oneOf("cluster.role", c.Role, Words("cluster.role")...)
	if c.BootstrapExpect == 1 && len(c.RetryJoin) > 0 {
		k.fail("cluster.bootstrap_expect", "Two clusters in the making",
			"A node that expects one voter founds a cluster of its own, and so would never join another. "+
				"Set bootstrap_expect to the number of voters that found the cluster, 3 for most, or to 0 on a node that is added to one; or remove retry_join.")
	}
	if c.BootstrapExpect == 0 && len(c.RetryJoin) == 0 {
		k.fail("cluster.bootstrap_expect", "A node that would wait for ever",
			"A node that expects no voters founds no cluster, and without retry_join it finds none. Add the gossip addresses of the cluster's nodes to retry_join.")
	}
	if c.BootstrapExpect == 1 && len(c.RetryJoin) == 0 && c.Role == "nonvoter" {
		k.fail("cluster.role", "A node that would wait for ever",
			"A node without a vote founds no cluster, and without retry_join it finds none. Add the gossip addresses of the cluster's nodes to retry_join and set bootstrap_expect = 0; or make it a voter.")
	}
	for _, address := range c.RetryJoin {
		if _, _, err := splitAddress(address); err != nil {
			k.fail("cluster.retry_join", "Unsuitable address", "%v.", err)
		}
	}
}

func (k *checker) raft(r Raft) {
	k.oneOf("raft.log_store", r.LogStore, Words("raft.log_store")...)
	k.lasting("raft.heartbeat_timeout", r.HeartbeatTimeout, 20*time.Millisecond, time.Minute)
	k.lasting("raft.election_timeout", r.ElectionTimeout, 20*time.Millisecond, time.Minute)
	k.lasting("raft.leader_lease_timeout", r.LeaderLeaseTimeout, 10*time.Millisecond, time.Minute)
	if r.LeaderLeaseTimeout > r.HeartbeatTimeout {
		k.fail("raft.leader_lease_timeout", "Timeouts that do not fit",
			"leader_lease_timeout (%v) is above heartbeat_timeout (%v): an old leader would still lead when a new one is elected. Lower it.",
			r.LeaderLeaseTimeout, r.HeartbeatTimeout)
	}
	if r.ElectionTimeout < r.HeartbeatTimeout {
		k.fail("raft.election_timeout", "Timeouts that do not fit",
			"election_timeout (%v) is below heartbeat_timeout (%v). Raise it.", r.ElectionTimeout, r.HeartbeatTimeout)
	}
	k.lasting("raft.snapshot_interval", r.SnapshotInterval, 5*time.Millisecond, 24*time.Hour)
	k.within("raft.snapshot_threshold", r.SnapshotThreshold, 1, 1<<40)
	k.within("raft.trailing_logs", r.TrailingLogs, 10240, 1<<40)
}

func (k *checker) snapshot(c Config) {
	k.lasting("snapshot.interval", c.Snapshot.Interval, time.Minute, 30*24*time.Hour)
	k.within("snapshot.retain", c.Snapshot.Retain, 1, 100_000)
	if c.Snapshot.Directory == "" || c.DataDir == "" {
		return
	}
	inside, err := filepath.Rel(c.DataDir, c.Snapshot.Directory)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, ".."+string(filepath.Separator)) {
		k.fail("snapshot.directory", "Backups in the data folder",
			"snapshot.directory is in data_dir (%s), which is emptied when a node is mended: name another folder, best on another disk.", c.DataDir)
	}
}

func (k *checker) autopilot(a Autopilot, r Raft) {
	k.lasting("autopilot.server_stabilization_time", a.ServerStabilizationTime, 0, time.Hour)
	k.lasting("autopilot.last_contact_threshold", a.LastContactThreshold, 0, time.Hour)
	if a.LastContactThreshold > 0 && a.LastContactThreshold < r.HeartbeatTimeout {
		k.fail("autopilot.last_contact_threshold", "Timeouts that do not fit",
			"last_contact_threshold (%v) is below heartbeat_timeout (%v): nodes would not count as healthy that raft has no doubt about. Raise it, or set it to \"0s\" for twice the heartbeat_timeout.",
			a.LastContactThreshold, r.HeartbeatTimeout)
	}
	k.lasting("autopilot.dead_server_last_contact_threshold", a.DeadServerLastContactThreshold, time.Minute, 365*24*time.Hour)
	k.within("autopilot.min_quorum", a.MinQuorum, 0, 9)
	if a.CleanupDeadServers && a.MinQuorum < 3 {
		k.fail("autopilot.min_quorum", "No quorum declared",
			"Dead members are removed down to min_quorum voters, which is %d: say how many are to stay, 3 at least, for with fewer the loss of one stops the cluster.", a.MinQuorum)
	}
}

// limits checks the seeds of the replicated settings. The ranges are those of
// the state machine (a test compares them), told in durations.
func (k *checker) limits(l Limits) {
	const day = 24 * time.Hour
	k.lasting("limits.default_ttl", l.DefaultTTL, time.Second, day)
	k.lasting("limits.remember", l.Remember, 20*time.Second, day)
	k.within("limits.max_remembered", l.MaxRemembered, 1000, 100_000_000)
	k.within("limits.max_waiters", l.MaxWaiters, 0, 10_000_000)
	k.lasting("limits.patience", l.Patience, 10*time.Millisecond, day)
	k.lasting("limits.max_backdate", l.MaxBackdate, time.Millisecond, 10*time.Second)
	k.lasting("limits.tick_interval", l.TickInterval, 10*time.Millisecond, time.Minute)
	k.within("limits.max_implicit", l.MaxImplicit, 0, 1_000_000)
	k.lasting("limits.implicit_ttl", l.ImplicitTTL, time.Minute, 3650*day)
	k.within("limits.max_limits", l.MaxLimits, 1, 10_000_000)
	k.within("limits.max_leases", l.MaxLeases, 1, 100_000_000)
}

func (k *checker) oneOf(key, value string, words ...string) {
	if !slices.Contains(words, value) {
		k.fail(key, "Unknown word", "%s is %q; it takes one of: %s.", key, value, strings.Join(words, ", "))
	}
}

func (k *checker) within(key string, n, low, high int64) {
	if n < low || n > high {
		k.fail(key, "Out of range", "%s is %d; it takes %d to %d.", key, n, low, high)
	}
}

func (k *checker) lasting(key string, d, low, high time.Duration) {
	if d < low || d > high {
		k.fail(key, "Out of range", "%s is %v; it takes %v to %v.", key, d, low, high)
	}
}
