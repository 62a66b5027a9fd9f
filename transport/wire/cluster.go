package wire

// Roles and states of a node.
const (
	RoleVoter    = "voter"
	RoleNonvoter = "nonvoter"

	StateLeader    = "leader"
	StateFollower  = "follower"
	StateCandidate = "candidate"
	StateShutdown  = "shutdown"
	StateUnknown   = "unknown" // of another node that did not answer
)

// Cluster is the 200 of GET /v1/cluster, as the answering node sees it.
type Cluster struct {
	ClusterID string `json:"cluster_id"` // "": not formed yet
	Leader    string `json:"leader"`     // its name; "": none known
	Term      uint64 `json:"term"`
	Time      string `json:"time"` // cluster time, ns, decimal
	Rules     uint64 `json:"rules"`
	Nodes     []Node `json:"nodes"`

	Quarantine *Duration `json:"quarantine,omitempty"` // how long limits without decay grant nothing after a restore; absent: they do
}

// Node is a member of the cluster.
type Node struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	HTTP         string    `json:"http"` // host:port of its API
	Peer         string    `json:"peer"` // host:port for the other nodes
	Role         string    `json:"role"`
	State        string    `json:"state"`
	Alive        bool      `json:"alive"`
	Version      string    `json:"version"`
	AppliedIndex uint64    `json:"applied_index"`
	LastContact  *Duration `json:"last_contact,omitempty"` // with the leader; absent where not known
}

// Autopilot is the 200 of GET /v1/cluster/autopilot: how the leader sees the
// members, and what it does about them by itself.
type Autopilot struct {
	Settings         AutopilotSettings `json:"settings"` // of the node that leads
	Healthy          bool              `json:"healthy"`  // all members are
	Voters           int               `json:"voters"`
	FailureTolerance int               `json:"failure_tolerance"` // voters that may be lost before nothing can be agreed to
	Nodes            []NodeHealth      `json:"nodes"`
	Outside          []Outsider        `json:"outside"` // nodes that are known and no members
}

// AutopilotSettings are the settings of the block autopilot.
type AutopilotSettings struct {
	CleanupDeadServers             bool     `json:"cleanup_dead_servers"`
	DeadServerLastContactThreshold Duration `json:"dead_server_last_contact_threshold"`
	LastContactThreshold           Duration `json:"last_contact_threshold"`
	MinQuorum                      int      `json:"min_quorum"`
	ServerStabilizationTime        Duration `json:"server_stabilization_time"`
}

// NodeHealth is how the leader sees a member.
type NodeHealth struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"` // "": it has been gone since the leader started
	Peer      string   `json:"peer"`
	Role      string   `json:"role"`
	Leader    bool     `json:"leader"`
	Healthy   bool     `json:"healthy"`
	Reason    string   `json:"reason,omitempty"` // it is not healthy
	StableFor Duration `json:"stable_for"`       // for how long it has been healthy
	SilentFor Duration `json:"silent_for"`       // since its last answer
	Behind    uint64   `json:"behind"`           // entries of the log
	Plan      string   `json:"plan,omitempty"`   // what is going to be done about it
}

// Outsider is a node that gossip knows and that is no member.
type Outsider struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Peer   string `json:"peer"`
	Reason string `json:"reason"` // it is not taken in; "": it is about to be
}

// RoleRequest is the body of PATCH /v1/cluster/nodes/{name}.
type RoleRequest struct {
	Role string `json:"role"`
}

// Verification is the 200 of POST /v1/cluster/verify: the digests of all nodes
// at one index of the log, by the nodes' names.
type Verification struct {
	Equal   bool              `json:"equal"` // all that answered have the same
	Index   uint64            `json:"index"`
	Digests map[string]string `json:"digests"` // hex
	Missing []string          `json:"missing"` // nodes that did not answer
}

// TransferRequest is the body of POST /v1/cluster/transfer.
type TransferRequest struct {
	To string `json:"to,omitempty"` // "": whoever is best suited
}

// Settings are the cluster's replicated settings: the answer of
// GET and PATCH /v1/cluster/settings.
type Settings struct {
	DefaultTTL    Duration `json:"default_ttl"`
	Remember      Duration `json:"remember"` // how long the end of a request is remembered
	MaxRemembered int64    `json:"max_remembered"`
	MaxWaiters    int64    `json:"max_waiters"`
	Patience      Duration `json:"patience"`     // how long the first of a queue waits before slots are kept for it
	MaxBackdate   Duration `json:"max_backdate"` // how far back a grant that decay allows may be dated
	TickInterval  Duration `json:"tick_interval"`
	MaxImplicit   int64    `json:"max_implicit"`
	ImplicitTTL   Duration `json:"implicit_ttl"`
	MaxLimits     int64    `json:"max_limits"`
	MaxLeases     int64    `json:"max_leases"`
}

// SettingsPatch is the body of PATCH /v1/cluster/settings where nothing goes
// back to its default, which takes a null.
type SettingsPatch struct {
	DefaultTTL    *Duration `json:"default_ttl,omitempty"`
	Remember      *Duration `json:"remember,omitempty"`
	MaxRemembered *int64    `json:"max_remembered,omitempty"`
	MaxWaiters    *int64    `json:"max_waiters,omitempty"`
	Patience      *Duration `json:"patience,omitempty"`
	MaxBackdate   *Duration `json:"max_backdate,omitempty"`
	TickInterval  *Duration `json:"tick_interval,omitempty"`
	MaxImplicit   *int64    `json:"max_implicit,omitempty"`
	ImplicitTTL   *Duration `json:"implicit_ttl,omitempty"`
	MaxLimits     *int64    `json:"max_limits,omitempty"`
	MaxLeases     *int64    `json:"max_leases,omitempty"`
}

// Version is the 200 of GET /v1/version.
type Version struct {
	Version  string   `json:"version"`
	API      []string `json:"api"`
	Features []string `json:"features"`
}
