// Package config is the configuration of one limitd node: plain data, its
// defaults, its rules, and how it is read from HCL files, environment variables
// and flags.
//
// Every key stands once, in the table of keys.go, and has three spellings:
//
//	http { address = "127.0.0.1:7480" }      in a file
//	LIMITD_HTTP_ADDRESS=127.0.0.1:7480       as a variable
//	--http-address 127.0.0.1:7480            as a flag
//
// Flags win over variables, variables over files, later files over earlier
// ones. Load reports everything that is wrong at once, each problem with the
// line that it comes from:
//
//	loaded := config.Load(config.Default(), config.Sources{Paths: []string{"n1.hcl"}, Lookup: os.LookupEnv})
//	if loaded.Report(os.Stderr) {
//		os.Exit(2)
//	}
//	node, err := daemon.Start(ctx, loaded.Config, deps)
package config

import (
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// Config is all that an operator may say about one node. Default gives the
// value of every field; config.hcl.example documents the keys.
type Config struct {
	// Name is what people call the node; unique in the cluster. Default: the host's name.
	Name string
	// DataDir holds the node's identity, log and snapshots. Required, unless Memory.
	DataDir string
	// Memory keeps everything in memory: lost at exit. Set by `agent -dev` only, no key.
	Memory bool
	// AllowInsecure lets the node listen beyond loopback although nothing
	// encrypts or authenticates there.
	AllowInsecure bool

	Log     Log
	HTTP    Endpoint // clients
	Peer    Endpoint // raft and forwarding between the nodes
	Gossip  Endpoint // who is alive; TCP and UDP
	Cluster Cluster
	Raft    Raft
	Limits  Limits
	// Limit are limits made at start where they are missing, never overwritten.
	Limit []Limit
}

// Log says what is logged, and how.
type Log struct {
	Level  string // trace, debug, info, warn or error
	Format string // text or json
}

// Endpoint is one address that the node listens on.
type Endpoint struct {
	Address   string // host:port; port 0 takes a free one
	Advertise string // what others are told; empty: Address as it was bound
}

// Cluster says how the node finds its cluster.
type Cluster struct {
	// BootstrapExpect is how many voters found the cluster together; 1 is a cluster of one.
	BootstrapExpect int64
	// RetryJoin are gossip addresses of other nodes, tried until one answers.
	RetryJoin []string
	// Role is voter, or nonvoter for a node that follows without a vote.
	Role string
}

// Raft holds the settings of the consensus protocol. The defaults were
// measured; shorter timeouts elect needlessly under load, longer ones prolong a failover.
type Raft struct {
	LogStore           string // boltdb or wal
	HeartbeatTimeout   time.Duration
	ElectionTimeout    time.Duration
	LeaderLeaseTimeout time.Duration
	SnapshotInterval   time.Duration
	SnapshotThreshold  int64 // log entries since the last snapshot
	TrailingLogs       int64 // log entries kept behind a snapshot
}

// Limits are the seeds of the replicated settings: they count when the cluster
// is founded. A later difference is a warning.
type Limits struct {
	DefaultTTL    time.Duration
	Remember      time.Duration
	MaxRemembered int64
	MaxWaiters    int64
	Patience      time.Duration
	MaxBackdate   time.Duration
	TickInterval  time.Duration
	MaxImplicit   int64
	ImplicitTTL   time.Duration
	MaxLimits     int64
	MaxLeases     int64
}

// Limit is one limit "name" { ... } block.
type Limit struct {
	Name        string
	Slots       int64
	Active      bool
	Rate        string // "10/m"; "0/s": slots come back by release only
	Enforcement string // enforce or shadow
	Numbered    bool
	Grace       time.Duration
	Description string
	Labels      map[string]string
}

// Default returns the configuration of a node that was told nothing. Its
// DataDir is empty, so that it does not pass Validate as it is.
func Default(hostname string) Config {
	return Config{
		Name:    hostname,
		Log:     Log{Level: "info", Format: "text"},
		HTTP:    Endpoint{Address: "127.0.0.1:7480"},
		Peer:    Endpoint{Address: "127.0.0.1:7481"},
		Gossip:  Endpoint{Address: "127.0.0.1:7482"},
		Cluster: Cluster{BootstrapExpect: 1, Role: "voter"},
		Raft: Raft{
			LogStore:           "boltdb",
			HeartbeatTimeout:   250 * time.Millisecond,
			ElectionTimeout:    250 * time.Millisecond,
			LeaderLeaseTimeout: 150 * time.Millisecond,
			SnapshotInterval:   2 * time.Minute,
			SnapshotThreshold:  65536,
			TrailingLogs:       131072,
		},
		Limits: limitsOf(command.DefaultSettings()),
	}
}

// Dev returns the configuration of `agent -dev`: one node, in memory, on
// loopback, quick to elect itself.
func Dev() Config {
	c := Default("dev")
	c.Memory = true
	c.Raft.HeartbeatTimeout = 50 * time.Millisecond
	c.Raft.ElectionTimeout = 50 * time.Millisecond
	c.Raft.LeaderLeaseTimeout = 50 * time.Millisecond
	return c
}

func newLimit(name string) Limit {
	return Limit{Name: name, Active: true, Rate: "0/s", Enforcement: "enforce"}
}

func limitsOf(s command.Settings) Limits {
	return Limits{
		DefaultTTL: time.Duration(s.DefaultTTL), Remember: time.Duration(s.Remember),
		MaxRemembered: s.MaxRemembered, MaxWaiters: s.MaxWaiters,
		Patience: time.Duration(s.Patience), MaxBackdate: time.Duration(s.MaxBackdate),
		TickInterval: time.Duration(s.TickInterval),
		MaxImplicit:  s.MaxImplicit, ImplicitTTL: time.Duration(s.ImplicitTTL),
		MaxLimits: s.MaxLimits, MaxLeases: s.MaxLeases,
	}
}

// Settings returns l as the replicated settings.
func (l Limits) Settings() command.Settings {
	return command.Settings{
		DefaultTTL: int64(l.DefaultTTL), Remember: int64(l.Remember),
		MaxRemembered: l.MaxRemembered, MaxWaiters: l.MaxWaiters,
		Patience: int64(l.Patience), MaxBackdate: int64(l.MaxBackdate),
		TickInterval: int64(l.TickInterval),
		MaxImplicit:  l.MaxImplicit, ImplicitTTL: int64(l.ImplicitTTL),
		MaxLimits: l.MaxLimits, MaxLeases: l.MaxLeases,
	}
}
