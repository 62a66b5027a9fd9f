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
	"fmt"
	"net/url"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/cert"
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
	// AllowInsecure lets the node listen beyond loopback where something is not
	// encrypted, or callers are not asked who they are.
	AllowInsecure bool

	Log     Log
	HTTP    HTTP // clients
	ACL     ACL
	Audit   Audit
	Prefect Prefect
	Peer    Endpoint // raft and forwarding between the nodes
	Gossip  Gossip   // who is alive; TCP and UDP
	TLS     TLS
	Cluster Cluster
	Raft    Raft
	// Autopilot counts while this node leads.
	Autopilot Autopilot
	Ops       Ops
	Snapshot  Snapshot
	Limits    Limits
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

// HTTP is where clients talk to the node, how many may be connected, and how long
// the node waits for one that is slow. A call that waits for slots has no limit but
// its own.
type HTTP struct {
	Endpoint
	// MaxConnections is how many connections of callers may be open at once: one more
	// gets a 503. An open one costs some 25 KiB, one that waits or asks some 50 KiB.
	MaxConnections int64
	// HeaderTimeout is how long the headers of a request may take to come.
	HeaderTimeout time.Duration
	// BodyTimeout is the same for the body of a request; of a snapshot, and of what is
	// passed on to an upstream Prefect server, for each piece.
	BodyTimeout time.Duration
	// WriteTimeout is how long a client may take to read what it is sent, for each piece.
	WriteTimeout time.Duration
	// IdleTimeout is how long a connection stays open without a request. Where it is
	// shorter than that of a proxy, the proxy sends requests to connections that close.
	IdleTimeout time.Duration
	// DrainDelay is how long a node that was told to stop goes on serving, while
	// /readyz says that it shuts down: what a load balancer needs to notice. Default: 0.
	DrainDelay time.Duration
}

// Gossip is where the node gossips, and by which keys.
type Gossip struct {
	Endpoint
	// KeyFile holds the keys that encrypt gossip, one a line; empty: it is plain.
	// It is a file because flags and variables can be seen by others.
	KeyFile string
}

// TLS says by which certificates the node is believed, and whom it believes. The
// three files come together; without them nothing is encrypted.
type TLS struct {
	CAFile   string // the authorities of the nodes' and the clients' certificates
	CertFile string // the node's certificate
	KeyFile  string // its private key
	// HTTP serves clients by https alone; false, they are served by http, as
	// where a proxy on the same machine speaks https for the node.
	HTTP bool
	// VerifyClient says what clients have to show: off, nothing; optional, a
	// certificate of the authorities, if any; required, such a certificate.
	VerifyClient string
	// ServerName is what every node's certificate has to bear, and no other.
	ServerName string
}

// Enabled tells whether the nodes speak TLS with each other.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Scheme is the one by which clients are served, http or https.
func (t TLS) Scheme() string {
	if t.Enabled() && t.HTTP {
		return "https"
	}
	return "http"
}

// ACL says whether the node asks its clients for tokens. The tokens themselves are
// replicated.
type ACL struct {
	// Enabled asks every client for a token. The same on all nodes: one that does
	// not ask is a way around the others.
	Enabled bool
	// Anonymous is the policy of clients without a token; empty: they may do nothing.
	Anonymous string
	// OpenMetrics shows /metrics to everybody.
	OpenMetrics bool
}

// Audit says where calls that manage something are written down.
type Audit struct {
	Path string // of the file; empty: nowhere
}

// Prefect says how the node serves the clients of Prefect.
type Prefect struct {
	// Enabled serves them at /api of the HTTP address.
	Enabled bool
	// Hold is how long a request for slots is kept waiting in the queue before its
	// client is told to come again. Above 40s the client would give it up itself; 0
	// makes all of them poll, and slots idle meanwhile.
	Hold time.Duration
	// CreateMissing makes, inactive, the limits that a program names and nobody
	// has made.
	CreateMissing bool
	// Upstream is the base URL of the API of a Prefect server, which gets all that
	// is not about limits; empty: there is none.
	Upstream string
}

// UpstreamURL returns Upstream, which must be valid; nil for none.
func (p Prefect) UpstreamURL() (*url.URL, error) {
	if p.Upstream == "" {
		return nil, nil
	}
	u, err := url.Parse(p.Upstream)
	if err == nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		err = fmt.Errorf("%q is not the URL of an API, such as \"http://prefect:4200/api\"", p.Upstream)
	}
	return u, err
}

// Cluster says how the node finds its cluster.
type Cluster struct {
	// BootstrapExpect is how many voters found the cluster together; 1 is a cluster
	// of one; 0 founds none, and waits to be added to one that exists.
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

// Snapshot says where the node puts backups of the cluster by itself. Each node
// that has a directory takes its own: no backup hangs on who leads.
type Snapshot struct {
	Directory string // empty: none are taken
	Interval  time.Duration
	Retain    int64 // of this node's; older ones are removed
}

// Autopilot says what a leader does about the membership by itself.
type Autopilot struct {
	// ServerStabilizationTime is how long a new node must have been healthy before
	// it gets a vote.
	ServerStabilizationTime time.Duration
	// LastContactThreshold is the longest silence of a healthy node; 0: twice
	// Raft.HeartbeatTimeout.
	LastContactThreshold time.Duration
	// CleanupDeadServers has members removed that were silent, to gossip and to
	// replication, for DeadServerLastContactThreshold, as long as MinQuorum voters are left.
	CleanupDeadServers             bool
	DeadServerLastContactThreshold time.Duration
	MinQuorum                      int64
}

// Ops is for those who look after the node.
type Ops struct {
	// Address is the host:port of profiles (/debug/pprof/) and metrics, without
	// encryption and authentication; empty: it is not served. Whoever reaches it can
	// read from the process's memory, and make it busy.
	Address string
	// LimitSeries are limits that GET /metrics shows one by one: names, and prefixes
	// that end in *. At most daemon.MaxLimitSeries are shown. Default: none.
	LimitSeries []string
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
		HTTP:    defaultHTTP(),
		Prefect: Prefect{Enabled: true, Hold: 25 * time.Second, CreateMissing: true},
		Peer:    Endpoint{Address: "127.0.0.1:7481"},
		Gossip:  Gossip{Endpoint: Endpoint{Address: "127.0.0.1:7482"}},
		TLS:     TLS{HTTP: true, VerifyClient: "off", ServerName: cert.DefaultName},
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
		Autopilot: Autopilot{
			ServerStabilizationTime:        10 * time.Second,
			DeadServerLastContactThreshold: 24 * time.Hour,
		},
		Limits:   LimitsOf(command.DefaultSettings()),
		Snapshot: Snapshot{Interval: time.Hour, Retain: 24},
	}
}

func defaultHTTP() HTTP {
	return HTTP{
		Endpoint:       Endpoint{Address: "127.0.0.1:7480"},
		MaxConnections: 16_384,
		HeaderTimeout:  10 * time.Second,
		BodyTimeout:    30 * time.Second,
		WriteTimeout:   30 * time.Second,
		IdleTimeout:    5 * time.Minute,
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

// DevCluster returns what the nodes of `agent -dev-cluster` have in common:
// count voters on loopback. The name is what theirs begin with.
func DevCluster(count int) Config {
	c := Default("n")
	c.Memory = true // until each has a data folder
	c.Cluster.BootstrapExpect = int64(count)
	return c
}

func newLimit(name string) Limit {
	return Limit{Name: name, Active: true, Rate: "0/s", Enforcement: "enforce"}
}

// LimitsOf returns the replicated settings as a configuration says them.
func LimitsOf(s command.Settings) Limits {
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
