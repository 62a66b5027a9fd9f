package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Config is all that a replica needs. Everything that touches time, network,
// disk or chance is in it, so that a whole cluster runs in a simulator.
type Config struct {
	Node      Identity
	Raft      RaftOptions
	Form      Formation
	Autopilot Autopilot
	Logger    hclog.Logger

	// Stores are kept open by the caller, who closes them after the replica.
	Stores *store.Stores
	// Streams carries raft's calls between processes. The replica closes it.
	Streams raft.StreamLayer
	// Transport takes the place of Streams in tests.
	Transport raft.Transport
	// Gone calls a peer address, host:port, and tells whether its host refused,
	// because no process listens there. False where there is any doubt. Default: never.
	Gone func(ctx context.Context, peer string) bool
	// Reach calls a peer address, host:port, and returns why the node with that id is
	// not to be reached there as a member is; nil where it is. A leader adds nobody
	// whom it does not reach. Default: everybody is reached.
	Reach func(ctx context.Context, peer, id string) error
	// Gossip tells who is there; nil for a cluster of one that never grows.
	Gossip Gossip
	Clock  clock.Source
	// Rand gives random bytes for ids: crypto/rand.Reader.
	Rand io.Reader

	// Settings are the replicated settings of a new cluster (semantics.md T8).
	Settings command.Settings
	// MaxRules is the highest rules version that this node says it can play;
	// default limit.Rules. Only a test says anything else.
	MaxRules uint64

	// Fatal ends the process (exit code 75) for a reason that the node must not
	// live on with: a failed or hanging write, a damaged entry, a record of a
	// newer version. It should not return.
	Fatal func(error)

	// Meter hears what happens, for metrics. Default: nobody does.
	Meter Meter

	// Applied hears of every batch of records when all else that this replica
	// does about them is done. A simulator compares nodes by it. Default: nobody.
	Applied func([]fsm.Event)
}

// Identity is what the others may know of this node.
type Identity struct {
	Name     string // unique among the nodes, for people
	Peer     string // host:port at which the others reach its raft transport
	HTTP     string // host:port at which callers reach it
	Version  string // of limitd
	NonVoter bool   // takes part in everything but elections and majorities
}

// RaftOptions are raft's times and sizes.
type RaftOptions struct {
	Heartbeat   time.Duration // follower without a leader before it seeks votes; default 250 ms
	Election    time.Duration // candidate before it tries again; default 250 ms
	LeaderLease time.Duration // leader without a majority before it steps down; default 150 ms
	// Commit is the longest that a follower stays behind the leader's commit
	// index while nothing is written, which is what a linearizable read through
	// a follower waits for; default 10 ms.
	Commit time.Duration

	SnapshotInterval  time.Duration // between looks whether a snapshot is due; default 2 min
	SnapshotThreshold uint64        // entries since the last snapshot that make one due; default 65,536
	// TrailingLogs is how many entries are kept behind a snapshot, default
	// 131,072. Below 10,240 a follower can be caught in a loop of snapshots that
	// are out of date when they are installed.
	TrailingLogs uint64
	// MaxAppend is how many entries travel, and are applied, together; default 512.
	// TrailingLogs must be eight times as many, or a follower whose answers are
	// lost can be sent snapshots for ever.
	MaxAppend int
}

// Formation says how a cluster comes to be.
type Formation struct {
	// Expect is how many voters form a new cluster together; 1 makes a cluster of
	// one. 0 never forms one: the node waits to be added.
	Expect int
}

// Gossip is what a replica hears of the other nodes. It informs; raft alone
// decides who is a member. *gossip.Gossip is one.
type Gossip interface {
	// Members returns all nodes that gossip knows, this one among them.
	Members() []gossip.Member
	// Changed returns a function that waits until Members changes.
	Changed() func(context.Context) error
	// SetTags changes what the others hear of this node.
	SetTags(gossip.Tags) error
}

// minTrailingLogs keeps raft out of the loop of snapshots.
const minTrailingLogs = 10240

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	or(&c.Raft.Heartbeat, 250*time.Millisecond)
	or(&c.Raft.Election, max(c.Raft.Heartbeat, 250*time.Millisecond))
	or(&c.Raft.LeaderLease, min(c.Raft.Heartbeat, 150*time.Millisecond))
	or(&c.Raft.Commit, 10*time.Millisecond)
	or(&c.Raft.SnapshotInterval, 2*time.Minute)
	or(&c.Raft.SnapshotThreshold, 65536)
	or(&c.Raft.TrailingLogs, 131072)
	or(&c.Raft.MaxAppend, 512)
	or(&c.Autopilot.LastContact, 2*c.Raft.Heartbeat)
	or(&c.Autopilot.DeadAfter, 24*time.Hour)
	or(&c.MaxRules, limit.Rules)
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	if c.Gone == nil {
		c.Gone = func(context.Context, string) bool { return false }
	}
	if c.Reach == nil {
		c.Reach = func(context.Context, string, string) error { return nil }
	}
	if c.Settings == (command.Settings{}) {
		c.Settings = command.DefaultSettings()
	}
	return c
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate reports all that is wrong at once.
func (c Config) validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("cluster: the config lacks %s", what))
		}
	}
	need(c.Node.Name != "", "Node.Name")
	need(c.Logger != nil, "Logger")
	need(c.Stores != nil, "Stores")
	need(c.Streams != nil || c.Transport != nil, "Streams")
	need(c.Clock != nil, "Clock")
	need(c.Rand != nil, "Rand")
	need(c.Fatal != nil, "Fatal")
	need(c.Gossip != nil || c.Form.Expect <= 1, "Gossip, which a cluster of several nodes is formed by")
	if c.Raft.TrailingLogs < 8*uint64(c.Raft.MaxAppend) {
		errs = append(errs, fmt.Errorf("cluster: trailing_logs is %d; it has to be at least eight times MaxAppend, which is %d", c.Raft.TrailingLogs, c.Raft.MaxAppend))
	}
	if c.Stores != nil && c.Stores.Dir != "" && c.Raft.TrailingLogs < minTrailingLogs {
		errs = append(errs, fmt.Errorf("cluster: trailing_logs is %d; below %d snapshots can chase each other for ever", c.Raft.TrailingLogs, minTrailingLogs))
	}
	return errors.Join(errs...)
}

// raftConfig returns the settings of hashicorp/raft.
func (c Config) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(c.Stores.ID)
	rc.Logger = c.Logger.Named("raft")
	rc.HeartbeatTimeout = c.Raft.Heartbeat
	rc.ElectionTimeout = c.Raft.Election
	rc.LeaderLeaseTimeout = c.Raft.LeaderLease
	rc.CommitTimeout = c.Raft.Commit
	rc.SnapshotInterval = c.Raft.SnapshotInterval
	rc.SnapshotThreshold = c.Raft.SnapshotThreshold
	rc.TrailingLogs = c.Raft.TrailingLogs
	rc.MaxAppendEntries = c.Raft.MaxAppend
	rc.BatchApplyCh = true
	rc.ShutdownOnRemove = false // a removed leader becomes a follower without a vote, and says so
	rc.NoLegacyTelemetry = true
	return rc
}

// logCacheSize is how many recent entries are kept in memory.
const logCacheSize = 8192
