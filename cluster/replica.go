package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clock"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Answer is what a record got, true at its index and cluster time.
type Answer = fsm.Answer

// Replica is one node of the cluster.
type Replica struct {
	cfg     Config
	log     hclog.Logger
	raft    *raft.Raft
	machine *fsm.FSM
	guard   *store.Guard
	links   *links
	logs    *store.Deferred // what raft writes, and when that is on the disk
	tail    *store.Tail     // the log as raft sees it
	stats   stats

	traffic
	timing
	office
	standing
	lifetime
}

// traffic is what callers have under way.
type traffic struct {
	gate     gate   // every proposal passes it
	turns    *turns // and those of callers wait for theirs before
	futures  gate   // counts raft's futures that are waited for
	calls    *calls
	reads    reads
	progress progress
}

// timing is what this node knows of cluster time, and of what the state is due to do.
type timing struct {
	restoring chan struct{} // of one place, held over a restore: a caller that goes away waits no longer

	timeMu   sync.Mutex
	bound    clock.Bound // guarded by timeMu
	last     atomic.Pointer[status]
	settings atomic.Pointer[command.Settings] // as the state has them
	applied  kick                             // wakes the tick loop of a leading tenure
}

// office is who leads.
type office struct {
	tenure     atomic.Pointer[tenure] // set while this node leads and is open for business
	leadership signal                 // the leader, or this node's tenure, changed
	reopen     kick                   // the tenure ended though raft's term goes on
}

// standing is how this node stands among the others.
type standing struct {
	ready      readiness
	disk       disk
	identity   identity
	session    string                 // of this start
	waiting    atomic.Pointer[string] // why there is no cluster yet, for people
	promise    atomic.Value           // string: whom this node agreed to form a cluster with
	told       gossip.Tags            // what the others were told; of watchMembers alone
	removal    removal
	addresses  atomic.Pointer[map[raft.ServerID]raft.ServerAddress] // by gossip
	membership signal                                               // raft's configuration, or what gossip knows, may have changed
}

// lifetime ends the replica.
type lifetime struct {
	ctx    context.Context // ends when the replica closes
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup // every goroutine of this replica
	close  sync.Once
	closed error
}

// status is what the last applied record left.
type status struct {
	index uint64
	time  int64
	stamp int64 // the newest stamp that was applied
	due   int64
	busy  bool

	// brought says that the state is a backup's, with no record behind it: the
	// cluster may not have agreed to the restore yet.
	brought bool
}

// Start starts a replica: it opens what the stores hold and takes its part in
// the cluster, or waits to be taken in. Close stops it.
func Start(cfg Config) (*Replica, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Replica{cfg: cfg, log: cfg.Logger.Named("cluster")}
	r.restoring = make(chan struct{}, 1)
	r.calls, r.applied, r.reopen, r.reads.work = newCalls(), newKick(), newKick(), newKick()
	r.turns = newTurns(recordsWithRaft, recordsWaiting)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	if cfg.Raft.TrailingLogs < cfg.Raft.SnapshotThreshold {
		r.log.Warn("trailing_logs is below snapshot_threshold: where the newest snapshot is damaged, the one before it lacks its log",
			"trailing_logs", cfg.Raft.TrailingLogs, "snapshot_threshold", cfg.Raft.SnapshotThreshold)
	}
	r.last.Store(&status{due: -1})
	r.settings.Store(&cfg.Settings)
	r.guard = store.NewGuard(cfg.Stores.Log, cfg.Stores.Stable, r.fatal)
	if err := r.startRaft(); err != nil {
		r.cancel(err)
		return nil, errors.Join(err, r.closeStores())
	}
	r.startTasks()
	return r, nil
}

func (r *Replica) startRaft() error {
	guarded := r.guard.Logs()
	cached, err := raft.NewLogCache(logCacheSize, guarded)
	if err != nil {
		return fmt.Errorf("make the log cache: %w", err)
	}
	r.logs = store.NewDeferred(cached, guarded.Seal)
	r.tail = store.NewTail(r.logs)
	if err := r.prepare(r.logs); err != nil {
		return err
	}
	r.links = r.newLinks()
	r.links.bereft, r.links.fatal = r.tail.Lost, r.fatal
	r.machine = fsm.New(fsm.Config{Observer: observer{r}, Fatal: r.fatal})
	if r.raft, err = r.newRaft(); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	r.logs.Defer(func() bool { return r.raft.State() == raft.Leader })
	r.links.receive(inventory{r.raft, r})
	r.ready.startedAt(r.raft.CurrentTerm())
	return nil
}

// newRaft has raft read what the disk holds. raft passes a snapshot over that
// cannot be read. Where none is left it returns an error, and it panics where the
// log lacks an entry behind the one that it took: both is damage.
func (r *Replica) newRaft() (started *raft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	snapshots, err := store.NewAscending(r.cfg.Stores.Snapshot)
	if err != nil {
		return nil, err
	}
	started, err = raft.NewRaft(r.cfg.raftConfig(), &durable{BatchingFSM: metered{r.machine, r.cfg.Meter}, logs: r.logs}, r.tail, r.guard.Stable(), snapshots, r.links)
	if err == nil {
		return started, nil
	}
	if list, lerr := r.cfg.Stores.Snapshot.List(); lerr == nil && len(list) > 0 && r.stats.restores.Load() == 0 {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return nil, err
}

// Redial has raft's streams to the other nodes opened anew, as after some of them
// were cut: raft keeps idle ones, and would try those first, a call each.
func (r *Replica) Redial() { r.links.reopen() }

// newLinks returns raft's transport: the one given, or one over the streams given.
func (r *Replica) newLinks() *links {
	if t := r.cfg.Transport; t != nil {
		return newLinks(r.cfg, t, r.logs.Durable, func(_ raft.ServerID, addr raft.ServerAddress) raft.ServerAddress { return addr })
	}
	t := newTransport(r.cfg.Streams, r.ID(), &r.identity, r.log.Named("transport"))
	return newLinks(r.cfg, t, r.logs.Durable, func(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
		return addressed(id, r.address(id, addr))
	})
}

func (r *Replica) startTasks() {
	r.tasks.Go(r.watchLeadership)
	r.startWatchingRaft()
	r.tasks.Go(r.watchSuccession)
	r.tasks.Go(r.readLoop)
	r.tasks.Go(r.watchMembers)
	if r.cfg.Gossip != nil {
		r.tasks.Go(r.watchGossip)
	}
	if r.cfg.Stores.Dir != "" {
		r.tasks.Go(r.watchDisk)
	}
}

// fatal reports what the node must not live on with.
func (r *Replica) fatal(err error) {
	r.log.Error("fatal: this node stops", "err", err)
	r.cfg.Fatal(err)
}

// ID returns this node's UUID.
func (r *Replica) ID() string { return r.cfg.Stores.ID }

// View calls read with this node's own state, which must neither be kept nor
// changed. What it shows may be behind: see ReadIndex and AwaitApplied.
func (r *Replica) View(read func(*limit.State)) { r.machine.View(read) }

// Now returns a lower bound of cluster time, in ns, by this node's own clock;
// false until it has applied a record that was proposed since it started: what
// its log tells of time may be as old as the time that it was down.
func (r *Replica) Now() (int64, bool) {
	if !r.ready.reached.Load() {
		return 0, false
	}
	r.timeMu.Lock()
	defer r.timeMu.Unlock()
	return r.bound.At(r.cfg.Clock.Monotonic())
}

// AwaitApplied waits until this node's own state has come to index.
func (r *Replica) AwaitApplied(ctx context.Context, index uint64) error {
	if err := r.progress.wait(ctx, index); err != nil {
		return err
	}
	r.ready.confirm()
	return nil
}

// Freeze returns this node's own state as it is, to be written while records go
// on being applied.
func (r *Replica) Freeze() *limit.Snapshot { return r.machine.Freeze() }

// Digest returns the digest of this node's state at the Verify record that
// stands at index, once it has been applied; false where it is kept no more.
func (r *Replica) Digest(ctx context.Context, index uint64) (sum [32]byte, ok bool, err error) {
	if err := r.AwaitApplied(ctx, index); err != nil {
		return sum, false, err
	}
	sum, ok = r.machine.Digest(index, ctx.Done())
	return sum, ok, nil
}
