package config

import "strings"

// Key is one configuration key.
type Key struct {
	// Name is the key's path in a file: "data_dir", or block and attribute: "http.address".
	Name string
	// Help is one sentence for people: what it is, and what breaks.
	Help string

	in func(*Config) any // the field it sets
}

// Flag returns the key's spelling as a command-line flag, without dashes.
func (k Key) Flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(k.Name)
}

// Variable returns the key's spelling as an environment variable.
func (k Key) Variable() string {
	return "LIMITD_" + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// IsBool tells whether the key takes true or false, so that its flag may stand alone.
func (k Key) IsBool() bool {
	_, ok := k.in(&Config{}).(*bool)
	return ok
}

// Get returns the key's value in c as text, as it would be given to its flag.
func (k Key) Get(c Config) string { return formatValue(k.in(&c)) }

// block splits the name into the block it stands in ("" at the top) and the attribute.
func (k Key) block() (block, attribute string) {
	if block, attribute, ok := strings.Cut(k.Name, "."); ok {
		return block, attribute
	}
	return "", k.Name
}

// Keys returns every key of a configuration file, in the order of config.hcl.example.
// The attributes of limit blocks are apart: they exist in files only.
func Keys() []Key {
	return []Key{
		{"name", "what people call this node; unique in the cluster", func(c *Config) any { return &c.Name }},
		{"data_dir", "folder of the node's identity, log and snapshots", func(c *Config) any { return &c.DataDir }},
		{"allow_insecure", "listen beyond loopback though something is not encrypted, or asks nobody who they are", func(c *Config) any { return &c.AllowInsecure }},

		{"log.level", "trace, debug, info, warn or error", func(c *Config) any { return &c.Log.Level }},
		{"log.format", "text or json", func(c *Config) any { return &c.Log.Format }},

		{"http.address", "host:port that clients talk to", func(c *Config) any { return &c.HTTP.Address }},
		{"http.advertise", "host:port that others are told for HTTP", func(c *Config) any { return &c.HTTP.Advertise }},
		{"http.max_connections", "connections of clients that may be open at once; one more gets a 503", func(c *Config) any { return &c.HTTP.MaxConnections }},
		{"http.header_timeout", "how long the headers of a request may take to come", func(c *Config) any { return &c.HTTP.HeaderTimeout }},
		{"http.body_timeout", "how long the body of a request may take to come", func(c *Config) any { return &c.HTTP.BodyTimeout }},
		{"http.write_timeout", "how long a client may take to read what it is sent", func(c *Config) any { return &c.HTTP.WriteTimeout }},
		{"http.idle_timeout", "how long a connection of a client stays open without a request", func(c *Config) any { return &c.HTTP.IdleTimeout }},
		{"http.drain_delay", "how long a node that was told to stop serves on, not ready, before it shuts down", func(c *Config) any { return &c.HTTP.DrainDelay }},
		{"acl.enabled", "ask clients for tokens; the same on all nodes", func(c *Config) any { return &c.ACL.Enabled }},
		{"acl.anonymous", "policy of clients without a token; empty: they may do nothing", func(c *Config) any { return &c.ACL.Anonymous }},
		{"acl.open_metrics", "show /metrics to everybody", func(c *Config) any { return &c.ACL.OpenMetrics }},
		{"audit.path", "file that calls which manage something are written down in; empty: nowhere", func(c *Config) any { return &c.Audit.Path }},
		{"prefect.enabled", "serve Prefect's clients at /api", func(c *Config) any { return &c.Prefect.Enabled }},
		{"prefect.hold", "how long an increment of a Prefect client is kept waiting; 0s: not at all", func(c *Config) any { return &c.Prefect.Hold }},
		{"prefect.create_missing", "make, inactive, the limits that Prefect programs name", func(c *Config) any { return &c.Prefect.CreateMissing }},
		{"prefect.upstream", "base URL of the API of a Prefect server that gets all that is not about limits", func(c *Config) any { return &c.Prefect.Upstream }},
		{"peer.address", "host:port for raft and forwarding between nodes", func(c *Config) any { return &c.Peer.Address }},
		{"peer.advertise", "host:port that the other nodes dial", func(c *Config) any { return &c.Peer.Advertise }},
		{"gossip.address", "host:port for gossip, TCP and UDP", func(c *Config) any { return &c.Gossip.Address }},
		{"gossip.advertise", "host:port that others are told for gossip", func(c *Config) any { return &c.Gossip.Advertise }},
		{"gossip.key_file", "file of the keys that encrypt gossip, one a line, the first encrypts; limitd keygen makes one", func(c *Config) any { return &c.Gossip.KeyFile }},

		{"tls.ca_file", "certificates of the authorities that nodes and clients are believed by, PEM", func(c *Config) any { return &c.TLS.CAFile }},
		{"tls.cert_file", "certificate of this node, PEM", func(c *Config) any { return &c.TLS.CertFile }},
		{"tls.key_file", "private key of this node's certificate, PEM", func(c *Config) any { return &c.TLS.KeyFile }},
		{"tls.http", "serve clients by https alone; false: by http, behind a proxy", func(c *Config) any { return &c.TLS.HTTP }},
		{"tls.verify_client", "certificate that clients have to show: off, optional or required", func(c *Config) any { return &c.TLS.VerifyClient }},
		{"tls.server_name", "name that every node's certificate has to bear, and no other", func(c *Config) any { return &c.TLS.ServerName }},

		{"cluster.bootstrap_expect", "how many voters found the cluster together, the same on each of them; 0 on a node added later", func(c *Config) any { return &c.Cluster.BootstrapExpect }},
		{"cluster.retry_join", "gossip addresses of other nodes, tried until one answers; separated by commas, but for files", func(c *Config) any { return &c.Cluster.RetryJoin }},
		{"cluster.role", "voter, or nonvoter to follow without a vote", func(c *Config) any { return &c.Cluster.Role }},

		{"raft.log_store", "boltdb, or wal for about twice the commits", func(c *Config) any { return &c.Raft.LogStore }},
		{"raft.heartbeat_timeout", "silence of the leader after which a follower stands for election", func(c *Config) any { return &c.Raft.HeartbeatTimeout }},
		{"raft.election_timeout", "how long a candidate waits for votes; at least the heartbeat timeout", func(c *Config) any { return &c.Raft.ElectionTimeout }},
		{"raft.leader_lease_timeout", "how long a leader leads without a majority; at most the heartbeat timeout", func(c *Config) any { return &c.Raft.LeaderLeaseTimeout }},
		{"raft.snapshot_interval", "how often the log's length is looked at", func(c *Config) any { return &c.Raft.SnapshotInterval }},
		{"raft.snapshot_threshold", "log entries that call for a snapshot", func(c *Config) any { return &c.Raft.SnapshotThreshold }},
		{"raft.trailing_logs", "log entries kept behind a snapshot, for followers that lag; at least 10240", func(c *Config) any { return &c.Raft.TrailingLogs }},

		{"autopilot.server_stabilization_time", "how long a new node must have been healthy before it gets a vote", func(c *Config) any { return &c.Autopilot.ServerStabilizationTime }},
		{"autopilot.last_contact_threshold", "longest silence of a node that counts as healthy; 0s: twice the heartbeat timeout", func(c *Config) any { return &c.Autopilot.LastContactThreshold }},
		{"autopilot.cleanup_dead_servers", "have the leader remove members that are dead; needs min_quorum", func(c *Config) any { return &c.Autopilot.CleanupDeadServers }},
		{"autopilot.dead_server_last_contact_threshold", "silence after which a member counts as dead", func(c *Config) any { return &c.Autopilot.DeadServerLastContactThreshold }},
		{"autopilot.min_quorum", "voters that a cleanup leaves at least", func(c *Config) any { return &c.Autopilot.MinQuorum }},
		{"ops.address", "host:port on loopback for profiles (/debug/pprof/) and metrics; empty: off", func(c *Config) any { return &c.Ops.Address }},
		{"ops.limit_series", "limits that /metrics shows one by one: names, and prefixes that end in *; separated by commas, but for files", func(c *Config) any { return &c.Ops.LimitSeries }},

		{"snapshot.directory", "folder outside of data_dir that gets a snapshot every interval; empty: none are taken", func(c *Config) any { return &c.Snapshot.Directory }},
		{"snapshot.interval", "time between two scheduled snapshots", func(c *Config) any { return &c.Snapshot.Interval }},
		{"snapshot.retain", "how many scheduled snapshots of this node are kept", func(c *Config) any { return &c.Snapshot.Retain }},

		{"limits.default_ttl", "lease time where an acquire names none", func(c *Config) any { return &c.Limits.DefaultTTL }},
		{"limits.remember", "how long the end of a request is remembered for its retries", func(c *Config) any { return &c.Limits.Remember }},
		{"limits.max_remembered", "requests remembered at once; past it new ones are refused", func(c *Config) any { return &c.Limits.MaxRemembered }},
		{"limits.max_waiters", "acquires that may wait at once", func(c *Config) any { return &c.Limits.MaxWaiters }},
		{"limits.patience", "how long the first of a queue waits before slots are kept for it", func(c *Config) any { return &c.Limits.Patience }},
		{"limits.max_backdate", "how far back a late decay grant may be dated", func(c *Config) any { return &c.Limits.MaxBackdate }},
		{"limits.tick_interval", "time between ticks while something is in use", func(c *Config) any { return &c.Limits.TickInterval }},
		{"limits.max_implicit", "limits that acquires may create by naming them", func(c *Config) any { return &c.Limits.MaxImplicit }},
		{"limits.implicit_ttl", "how long such a limit is kept unused", func(c *Config) any { return &c.Limits.ImplicitTTL }},
		{"limits.max_limits", "limits that may exist at once", func(c *Config) any { return &c.Limits.MaxLimits }},
		{"limits.max_leases", "leases that may exist at once", func(c *Config) any { return &c.Limits.MaxLeases }},
	}
}

// Words returns the words that a key takes; none where it takes anything.
func Words(key string) []string {
	switch key {
	case "log.level":
		return []string{"trace", "debug", "info", "warn", "error"}
	case "log.format":
		return []string{"text", "json"}
	case "cluster.role":
		return []string{"voter", "nonvoter"}
	case "raft.log_store":
		return []string{"boltdb", "wal"}
	case "tls.verify_client":
		return []string{"off", "optional", "required"}
	case "acl.enabled", "acl.open_metrics", "allow_insecure", "tls.http", "autopilot.cleanup_dead_servers":
		return []string{"true", "false"}
	}
	return nil
}

// limitKey is one attribute of a limit block.
type limitKey struct {
	name string
	in   func(*Limit) any
}

// limitKeys returns the attributes of a limit block; slots is required.
func limitKeys() []limitKey {
	return []limitKey{
		{"slots", func(l *Limit) any { return &l.Slots }},
		{"rate", func(l *Limit) any { return &l.Rate }},
		{"active", func(l *Limit) any { return &l.Active }},
		{"enforcement", func(l *Limit) any { return &l.Enforcement }},
		{"numbered", func(l *Limit) any { return &l.Numbered }},
		{"grace", func(l *Limit) any { return &l.Grace }},
		{"description", func(l *Limit) any { return &l.Description }},
		{"labels", func(l *Limit) any { return &l.Labels }},
	}
}
