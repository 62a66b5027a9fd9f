package forward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/trace"
)

// wires is a network of net.Pipe between nodes, with faults.
type wires struct {
	mu    sync.Mutex
	come  map[string]chan arrival // by address
	conns map[string][]*wire      // by the address that was dialled
	dark  map[string]bool         // addresses that answer nothing
	dials map[string]int
}

type arrival struct {
	conn net.Conn
	node string
}

func newWires() *wires {
	return &wires{come: make(map[string]chan arrival), conns: make(map[string][]*wire), dark: make(map[string]bool), dials: make(map[string]int)}
}

// wire is one end of a pipe, whose bytes vanish while its address is dark.
type wire struct {
	net.Conn
	net     *wires
	address string
}

func (w *wire) isDark() bool {
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	return w.net.dark[w.address]
}

func (w *wire) Write(b []byte) (int, error) {
	if w.isDark() {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

// setDark makes all that is sent to and from address vanish, or not any more.
func (n *wires) setDark(address string, dark bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dark[address] = dark
}

// breakAll closes all connections to address.
func (n *wires) breakAll(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns[address] {
		_ = c.Close()
	}
	n.conns[address] = nil
}

func (n *wires) dialled(address string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[address]
}

// fakeStreams are the streams of one node.
type fakeStreams struct {
	net           *wires
	self, address string
	done          chan struct{}
	once          sync.Once
}

func (n *wires) streams(self, address string) *fakeStreams {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.come[address] = make(chan arrival)
	return &fakeStreams{net: n, self: self, address: address, done: make(chan struct{})}
}

func (s *fakeStreams) DialContext(ctx context.Context, address string) (net.Conn, error) {
	s.net.mu.Lock()
	come, dark := s.net.come[address], s.net.dark[address]
	s.net.dials[address]++
	s.net.mu.Unlock()
	if come == nil {
		return nil, fmt.Errorf("nobody at %s", address)
	}
	if dark {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	a, b := net.Pipe()
	here, there := &wire{a, s.net, address}, &wire{b, s.net, address}
	select {
	case come <- arrival{there, s.self}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.net.conns[address] = append(s.net.conns[address], here, there)
	return here, nil
}

func (s *fakeStreams) AcceptNode() (net.Conn, string, error) {
	s.net.mu.Lock()
	come := s.net.come[s.address]
	s.net.mu.Unlock()
	select {
	case a := <-come:
		return a.conn, a.node, nil
	case <-s.done:
		return nil, "", net.ErrClosed
	}
}

func (s *fakeStreams) Close() error {
	s.once.Do(func() {
		close(s.done)
		s.net.mu.Lock()
		defer s.net.mu.Unlock()
		delete(s.net.come, s.address)
	})
	return nil
}

// fakeLog is what the cluster has agreed on: it remembers ids, and counts what
// each did.
type fakeLog struct {
	mu      sync.Mutex
	index   uint64
	effects map[string]int    // by id
	waiting map[string]bool   // ids in the queue
	grants  map[string]uint64 // tokens by id
	leader  string            // id of the node that leads, "" none
	changed chan struct{}
}

func newFakeLog() *fakeLog {
	return &fakeLog{effects: make(map[string]int), waiting: make(map[string]bool), grants: make(map[string]uint64), changed: make(chan struct{})}
}

func (l *fakeLog) setLeader(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leader = id
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *fakeLog) effectsOf(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[id]
}

// apply runs an acquire: those whose id begins with "w" wait.
func (l *fakeLog) apply(id string) command.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	if token, ok := l.grants[id]; ok {
		return &command.Granted{ID: id, Token: token, Replayed: true}
	}
	if id[0] == 'w' {
		l.waiting[id] = true
		return &command.Waiting{ID: id}
	}
	return l.grantLocked(id)
}

func (l *fakeLog) grantLocked(id string) command.Result {
	l.effects[id]++
	l.grants[id] = l.index
	return &command.Granted{ID: id, Token: l.index}
}

// grant ends the wait of id.
func (l *fakeLog) grant(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	delete(l.waiting, id)
	l.grantLocked(id)
	close(l.changed)
	l.changed = make(chan struct{})
}

// fakeReplica is one node's replica.
type fakeReplica struct {
	id  string
	log *fakeLog

	mu      sync.Mutex
	before  func(id string) error // runs before a record is proposed
	after   func(id string) error // runs when it has been applied
	open    int                   // calls of Run under way
	runs    int                   // calls of Run ever
	reads   int
	holds   []time.Duration
	ordered []string // what operators asked for
	refuse  error    // what operators get
	young   bool     // knows no cluster time until it has applied something
	stamps  []int64  // Accepted of the records
	traces  []string // of the calls of Run
	got     []byte   // the snapshot that was restored
	longest time.Duration
}

func (r *fakeReplica) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open += n
	if n > 0 {
		r.runs++
	}
}

func (r *fakeReplica) openCalls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

func (r *fakeReplica) hooks() (before, after func(string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.before, r.after
}

func (r *fakeReplica) set(before, after func(string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before, r.after = before, after
}

func (r *fakeReplica) leads() bool {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.log.leader == r.id
}

func (r *fakeReplica) Run(ctx context.Context, record []byte, hold time.Duration) (fsm.Answer, error) {
	r.count(1)
	defer r.count(-1)
	r.mu.Lock()
	r.holds = append(r.holds, hold)
	parent, _ := trace.From(ctx)
	r.traces = append(r.traces, parent.String())
	r.mu.Unlock()
	cmd, err := command.Decode(record)
	if err != nil {
		return fsm.Answer{}, err
	}
	r.mu.Lock()
	r.stamps = append(r.stamps, cmd.Accepted)
	r.mu.Unlock()
	before, after := r.hooks()
	if !r.leads() {
		return fsm.Answer{}, cluster.ErrNotLeader
	}
	if before != nil {
		if err := before(cmd.ID); err != nil {
			return fsm.Answer{}, err
		}
	}
	if ctx.Err() != nil {
		return fsm.Answer{}, fmt.Errorf("%w: %w", cluster.ErrOutcomeUnknown, ctx.Err())
	}
	result := r.log.apply(cmd.ID)
	if after != nil {
		if err := after(cmd.ID); err != nil {
			return fsm.Answer{}, err
		}
	}
	if _, waits := result.(*command.Waiting); waits && hold > 0 {
		return r.hold(ctx, cmd.ID, hold)
	}
	return fsm.Answer{Result: result, Index: 7, Time: 8}, nil
}

// hold waits until the id is granted, hold is over or this node leads no more.
func (r *fakeReplica) hold(ctx context.Context, id string, hold time.Duration) (fsm.Answer, error) {
	over := time.NewTimer(hold)
	defer over.Stop()
	for {
		r.log.mu.Lock()
		changed, token, granted := r.log.changed, r.log.grants[id], r.log.grants[id] > 0
		r.log.mu.Unlock()
		if granted {
			return fsm.Answer{Result: &command.Granted{ID: id, Token: token}}, nil
		}
		if !r.leads() {
			return fsm.Answer{}, fmt.Errorf("%w: deposed", cluster.ErrOutcomeUnknown)
		}
		select {
		case <-changed:
		case <-over.C:
			return fsm.Answer{Result: &command.Waiting{ID: id}}, nil
		case <-ctx.Done():
			return fsm.Answer{}, fmt.Errorf("%w: %w", cluster.ErrOutcomeUnknown, ctx.Err())
		}
	}
}

func (r *fakeReplica) ReadIndex(ctx context.Context) (uint64, error) {
	before, _ := r.hooks()
	if before != nil {
		if err := before("read"); err != nil {
			return 0, err
		}
	}
	if !r.leads() {
		return 0, cluster.ErrNotLeader
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	return 42, nil
}

func (r *fakeReplica) AwaitApplied(ctx context.Context, index uint64) error {
	if index != 42 {
		return fmt.Errorf("asked to wait for %d", index)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.young = false
	return ctx.Err()
}

func (r *fakeReplica) View(read func(*limit.State)) { read(limit.New()) }

// Now is known, unless the replica is new, in which case a read makes it so.
func (r *fakeReplica) Now() (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young {
		return 0, false
	}
	return 5e9, true
}

func (r *fakeReplica) Leader() (cluster.Node, bool) {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	id := r.log.leader
	return cluster.Node{ID: id, Name: id, Peer: "at-" + id}, id != ""
}

func (r *fakeReplica) LeaderChanged() func(context.Context) error {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	changed := r.log.changed
	return func(ctx context.Context) error {
		select {
		case <-changed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *fakeReplica) order(text string) error {
	if !r.leads() {
		return cluster.ErrNotLeader
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ordered = append(r.ordered, text)
	return r.refuse
}

func (r *fakeReplica) Transfer(ctx context.Context, to string) error {
	if err := r.order("transfer " + to); err != nil {
		return err
	}
	r.log.setLeader(to)
	return nil
}

func (r *fakeReplica) RemoveNode(ctx context.Context, name string) error {
	return r.order("remove " + name)
}

func (r *fakeReplica) SetRole(ctx context.Context, name string, role cluster.Role) error {
	return r.order(string(role) + " " + name)
}

func (r *fakeReplica) Autopilot(context.Context) (cluster.Report, error) {
	if err := r.order("autopilot"); err != nil {
		return cluster.Report{}, err
	}
	return cluster.Report{Settings: cluster.Autopilot{MinQuorum: 3}, Members: []cluster.Health{{Node: cluster.Node{Name: "n1"}, Behind: 7}}}, nil
}

func (r *fakeReplica) Restore(ctx context.Context, from io.Reader, longest time.Duration) error {
	if !r.leads() {
		return cluster.ErrNotLeader
	}
	got, err := io.ReadAll(from)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.longest = got, longest
	return errors.Join(err, r.refuse)
}

func (r *fakeReplica) Digest(ctx context.Context, index uint64) (sum [32]byte, ok bool, err error) {
	sum[0] = byte(index)
	return sum, index != 404, nil
}

// trio is a cluster of three nodes, of which n1 leads.
type trio struct {
	net      *wires
	log      *fakeLog
	replicas map[string]*fakeReplica
	nodes    map[string]*Node
}

func startTrio(t *testing.T) *trio {
	t.Helper()
	c := &trio{net: newWires(), log: newFakeLog(), replicas: make(map[string]*fakeReplica), nodes: make(map[string]*Node)}
	c.log.leader = "n1"
	for _, id := range []string{"n1", "n2", "n3"} {
		r := &fakeReplica{id: id, log: c.log}
		n, err := Start(Config{Self: id, Replica: r, Leadership: r, Operator: r, Version: "v-" + id, Streams: c.net.streams(id, "at-"+id)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		c.replicas[id], c.nodes[id] = r, n
	}
	return c
}

func acquire(id string) command.Command {
	return command.Command{Header: command.Header{ID: id}, Op: &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, Wait: 1e9}}
}
