package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
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
	k.cluster(c.Cluster)
	k.raft(c.Raft)
	k.limits(c.Limits)
	for _, l := range c.Limit {
		k.limit(l)
	}
	return k.problems
}

func (k *checker) fail(key, summary, format string, args ...any) {
	k.problems = append(k.problems, Problem{Key: key, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

func (k *checker) node(c Config) {
	if !isNodeName(c.Name) {
		k.fail("name", "Unsuitable name", "The node's name is %q: use 1 to 63 of a-z A-Z 0-9 . _ -, the first a letter or digit.", c.Name)
	}
	if c.DataDir == "" && !c.Memory {
		k.fail("data_dir", "No data folder", "Say where the node keeps its identity and log: data_dir = \"/var/lib/limitd\".")
	}
	k.oneOf("log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	k.oneOf("log.format", c.Log.Format, "text", "json")
}

func isNodeName(name string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`).MatchString(name)
}

func (k *checker) cluster(c Cluster) {
	k.within("cluster.bootstrap_expect", c.BootstrapExpect, 1, 9)
	k.oneOf("cluster.role", c.Role, "voter", "nonvoter")
	if c.BootstrapExpect == 1 && len(c.RetryJoin) > 0 {
		k.fail("cluster.bootstrap_expect", "Two clusters in the making",
			"A node that expects one voter founds a cluster of its own, and so would never join another. "+
				"Set bootstrap_expect to the number of voters that found the cluster, 3 for most, or remove retry_join.")
	}
	for _, address := range c.RetryJoin {
		if _, _, err := splitAddress(address); err != nil {
			k.fail("cluster.retry_join", "Unsuitable address", "%v.", err)
		}
	}
}

func (k *checker) raft(r Raft) {
	k.oneOf("raft.log_store", r.LogStore, "boltdb", "wal")
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
