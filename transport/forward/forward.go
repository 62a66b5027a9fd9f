// Package forward lets every node answer every call: what only the leader can
// do travels there over one long-lived, multiplexed connection per node.
//
// Node is what the HTTP front ends talk to, on the leader as on followers. It
// encodes a command once, and tries those very bytes under the same id until
// it has the one true answer or the caller's time is over: here where this
// node leads, else at the leader, through changes of leadership, broken
// connections and unknown outcomes. The state machine remembers ids, so any
// number of tries has one effect.
//
//	caller -> Node.Run -> link ==frames==> server -> Replica.Run -> raft
//	             ^          many calls at once, answered in any order
//	             '-- leadership changes: the same bytes to the new leader
//
// What it promises:
//
//   - One answer. A waiting acquire whose leader dies is asked for again at the
//     new leader, which joins the wait by its id.
//   - An honest end. ErrNoLeader means that nothing was ever proposed; once a
//     try may have been, a call that runs out of time ends in ErrOutcomeUnknown.
//   - No trust in silence. A link without a frame for a second is dead, and its
//     calls go on elsewhere. A caller that gives up is told to the leader, which
//     drops the call.
//   - No copy overtakes another: a node's new connection is served only when
//     the calls of its last one have ended.
//   - Bounds: on the calls under way and the bytes that wait per connection;
//     past them ErrOverloaded.
//
// The snapshot of a restore travels on a stream of its own (restore.go), so
// that it holds up no call.
//
//	node, err := forward.Start(forward.Config{Self: id, Replica: r, Leadership: r, Operator: r, Streams: port.Forward()})
//	answer, err := node.Run(ctx, command.Command{Header: command.Header{ID: "job-42"}, Op: &command.Acquire{...}}, hold)
package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/limit"
)

// Replica is this node's replica, as calls of any kind need it.
// *cluster.Replica is one.
type Replica interface {
	// Run proposes an unstamped record, on the leader only, and keeps a waiting
	// acquire open for at most hold. It neither changes nor keeps the record's bytes.
	Run(ctx context.Context, record []byte, hold time.Duration) (fsm.Answer, error)
	// ReadIndex returns, on the leader only, the index of a record that was
	// proposed after the call came.
	ReadIndex(ctx context.Context) (uint64, error)
	AwaitApplied(ctx context.Context, index uint64) error
	View(read func(*limit.State))
	// Now is a lower bound of cluster time, ns; false: none is known yet.
	Now() (int64, bool)
}

// Leadership tells who leads. *cluster.Replica is one.
type Leadership interface {
	// Leader returns the leader as this node knows it.
	Leader() (cluster.Node, bool)
	// LeaderChanged returns a function that waits until something about
	// leadership has changed since LeaderChanged was called.
	LeaderChanged() func(context.Context) error
}

// Operator carries out what operators ask for. *cluster.Replica is one.
type Operator interface {
	// Transfer hands leadership to the node of that name, "" for any.
	Transfer(ctx context.Context, to string) error
	// RemoveNode takes the node of that name out of the cluster.
	RemoveNode(ctx context.Context, name string) error
	// SetRole gives the node of that name a vote, or takes it away.
	SetRole(ctx context.Context, name string, role cluster.Role) error
	// Autopilot tells, on the leader only, how the members stand.
	Autopilot(ctx context.Context) (cluster.Report, error)
	// Restore replaces the cluster's state by the snapshot that r yields, with a
	// quarantine that outlasts leases of longestTTL; 0: none.
	Restore(ctx context.Context, r io.Reader, longestTTL time.Duration) error
	// Digest returns the digest of this node's state at the Verify record at
	// index; false where it is kept no more.
	Digest(ctx context.Context, index uint64) (sum [32]byte, ok bool, err error)
}

// Streams open and accept streams between nodes. *peer.Streams is one.
type Streams interface {
	DialContext(ctx context.Context, address string) (net.Conn, error)
	// AcceptNode returns the next stream that another node opened, and its id.
	AcceptNode() (c net.Conn, node string, err error)
	// Close ends AcceptNode.
	Close() error
}

// Config is what a Node needs. All fields of the first group must be set.
type Config struct {
	Self       string // this node's id, as Leadership tells it
	Replica    Replica
	Leadership Leadership
	Operator   Operator
	Streams    Streams // the node closes it

	// Version is limitd's version, for Status.
	Version string
	// Logger hears of lost connections. Default: none.
	Logger hclog.Logger
	// Called hears of each call over the hop that does not wait in a queue. It must
	// be quick, and safe for concurrent use. Default: nobody does.
	Called func(took time.Duration, ended Outcome)
	// PingEvery is the time between signs of life on a connection. Default 250 ms.
	PingEvery time.Duration
	// DeadAfter without any frame a connection is given up, and a connection
	// that cannot be opened for so long. Default 1 s. Too short, and a busy
	// leader loses its followers; too long, and callers wait on a dead one.
	DeadAfter time.Duration
	// MaxCalls bounds the calls under way on one connection; waiting acquires
	// count. Default 65,536. Past it: ErrOverloaded.
	MaxCalls int
	// MaxBytes bounds what waits to be written on one connection. Default 64
	// MiB. Past it: ErrOverloaded.
	MaxBytes int
}

func (c Config) withDefaults() (Config, error) {
	if c.Self == "" || c.Replica == nil || c.Leadership == nil || c.Operator == nil || c.Streams == nil {
		return c, errors.New("forward: the config lacks Self, Replica, Leadership, Operator or Streams")
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Called == nil {
		c.Called = func(time.Duration, Outcome) {}
	}
	c.PingEvery = orDefault(c.PingEvery, 250*time.Millisecond)
	c.DeadAfter = orDefault(c.DeadAfter, time.Second)
	c.MaxCalls = orDefault(c.MaxCalls, 1<<16)
	c.MaxBytes = orDefault(c.MaxBytes, 64<<20)
	return c, nil
}

func orDefault[T time.Duration | int](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Node runs commands and reads, wherever in the cluster they have to go. It is
// safe for concurrent use.
type Node struct {
	cfg    Config
	links  *links
	server *server
	reads  indexReads

	ctx  context.Context // ends at Close
	stop context.CancelFunc
	wait sync.WaitGroup // the goroutines watchLeader and those of reads

	mu     sync.Mutex
	leader leader // guarded by mu
}

// leader is who leads, as this node sees it at one moment.
type leader struct {
	known   bool
	self    bool
	address string
	changed chan struct{} // closed when this is no longer the latest
}

// Start begins to serve the other nodes and to follow leadership.
func Start(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, links: newLinks(cfg.Streams.DialContext, linkConfig{
		pingEvery: cfg.PingEvery, deadAfter: cfg.DeadAfter, maxCalls: cfg.MaxCalls, maxBytes: cfg.MaxBytes,
		idleAfter: int(time.Minute / cfg.PingEvery),
	})}
	n.ctx, n.stop = context.WithCancel(context.Background())
	next := cfg.Leadership.LeaderChanged()
	n.leader.changed = make(chan struct{})
	n.lookForLeader()
	n.wait.Go(func() { n.watchLeader(next) })
	n.server = startServer(cfg)
	return n, nil
}

// Close ends all calls over the hop, from here and from other nodes, and waits
// until no goroutine is left. A call that is under way at this node's own
// replica ends with its ctx or with the replica. Close may be called twice.
func (n *Node) Close() error {
	n.stop()
	n.reads.close()
	err := n.server.close()
	n.links.close()
	n.wait.Wait()
	return err
}

// UnderWay returns how many calls of this node are under way to others, waits
// among them, and how many of others are under way here.
func (n *Node) UnderWay() (calls, served int) { return n.links.underWay(), n.server.underWay() }

// watchLeader follows leadership until Close.
func (n *Node) watchLeader(next func(context.Context) error) {
	for next(n.ctx) == nil {
		next = n.cfg.Leadership.LeaderChanged()
		n.lookForLeader()
	}
}

// lookForLeader wakes all who wait for news of leadership, and ends the links
// to nodes that were overtaken.
func (n *Node) lookForLeader() {
	node, known := n.cfg.Leadership.Leader()
	now := leader{known: known, self: known && node.ID == n.cfg.Self, address: node.Peer, changed: make(chan struct{})}
	n.mu.Lock()
	close(n.leader.changed)
	n.leader = now
	n.mu.Unlock()
	switch {
	case now.self:
		n.links.retireOthers("")
	case now.known:
		n.links.retireOthers(now.address)
	}
}

// current returns the latest news of leadership.
func (n *Node) current() leader {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leader
}
