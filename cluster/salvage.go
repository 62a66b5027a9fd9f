package cluster

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/limit"
)

// salvage replays what stores hold into a state machine of its own, by raft's
// RecoverCluster.
type salvage struct {
	stores *store.Stores
	log    hclog.Logger
	self   string   // peer address
	id     [16]byte // of the cluster that goes on

	machine *fsm.FSM
	remains Remains
}

// stopped is what a state machine panics with where it must not go on.
type stopped struct{ why error }

func newMachine() *fsm.FSM {
	return fsm.New(fsm.Config{Observer: nobody{}, Fatal: func(err error) { panic(stopped{err}) }})
}

// run replays, and writes the outcome where it is to. raft panics where its log
// lacks an entry.
func (v *salvage) run(write bool) (out Remains, err error) {
	alarm := make(chan error, 1)
	var guard *store.Guard
	guard = store.NewGuard(v.stores.Log, v.stores.Stable, func(err error) {
		select {
		case alarm <- err:
		default:
		}
		go guard.Close() // lets go of the call that failed
	})
	defer guard.Close()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
			if s, ok := p.(stopped); ok {
				err = s.why
			}
		}
		select {
		case why := <-alarm:
			err = why
		default:
		}
	}()
	return v.replay(guard, write)
}

func (v *salvage) replay(guard *store.Guard, write bool) (Remains, error) {
	v.machine = newMachine()
	defer v.machine.Close()
	v.remains.NodeID = v.stores.ID
	snapshots := &slate{SnapshotStore: v.stores.Snapshot, salvage: v, write: write}
	logs := pages{LogStore: guard.Logs(), write: write}
	config := raft.DefaultConfig()
	config.LocalID, config.Logger = raft.ServerID(v.stores.ID), v.log
	_, nowhere := raft.NewInmemTransport("")
	known, err := raft.GetConfiguration(config, newMachine(), logs, guard.Stable(), snapshots, nowhere)
	if err != nil {
		return v.remains, fmt.Errorf("read the members: %w", err)
	}
	for _, s := range known.Servers {
		n := Node{ID: string(s.ID), Peer: string(s.Address), Role: NonVoter}
		if s.Suffrage == raft.Voter {
			n.Role = Voter
		}
		v.remains.Members = append(v.remains.Members, n)
	}
	if v.self == "" {
		v.self = "nowhere" // nothing is written
	}
	alone := raft.Configuration{Servers: []raft.Server{{ID: config.LocalID, Address: raft.ServerAddress(v.self)}}}
	if err := raft.RecoverCluster(config, v, logs, guard.Stable(), snapshots, nowhere, alone); err != nil {
		return v.remains, fmt.Errorf("replay the log: %w", err)
	}
	v.machine.View(v.count)
	return v.remains, nil
}

// count notes what the state has.
func (v *salvage) count(s *limit.State) {
	c := s.Counts()
	if v.remains.ClusterID = v.id; v.id == ([16]byte{}) {
		v.remains.ClusterID = s.ClusterID()
	}
	v.remains.Limits, v.remains.Leases, v.remains.Waiters = c.Limits, c.Leases, c.Waiters
	for after := uint64(0); ; {
		list, next := s.Leases(limit.LeaseFilter{}, after, 1000)
		for _, l := range list {
			v.remains.LongestTTL = max(v.remains.LongestTTL, time.Duration(l.TTL))
		}
		if next == 0 {
			return
		}
		after = next
	}
}

// Apply plays a record.
func (v *salvage) Apply(l *raft.Log) any { return v.machine.Apply(l) }

// Restore takes a snapshot's state.
func (v *salvage) Restore(r io.ReadCloser) error { return v.machine.Restore(r) }

// Snapshot returns the state as it is to be written.
func (v *salvage) Snapshot() (raft.FSMSnapshot, error) {
	return reissued{v.machine.Freeze(), v.id}, nil
}

// reissued persists a state for another cluster.
type reissued struct {
	frozen *limit.Snapshot
	id     [16]byte
}

// Persist writes the snapshot to sink.
func (s reissued) Persist(sink raft.SnapshotSink) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(s.frozen.Write(w)) }() // ends with r
	err := limit.Reissue(r, sink, s.id)
	if err = errors.Join(err, r.Close()); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return nil
}

// Release does nothing: the garbage collector frees what is no longer shared.
func (reissued) Release() {}

// slate is the snapshots of a node, and notes how far what is written goes.
type slate struct {
	raft.SnapshotStore
	salvage *salvage
	write   bool
}

// Create begins a snapshot; one that goes nowhere unless the slate is to be written.
func (s *slate) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	s.salvage.remains.Index, s.salvage.remains.Term = index, term
	if !s.write {
		return raft.NewDiscardSnapshotStore().Create(version, index, term, c, at, t)
	}
	return s.SnapshotStore.Create(version, index, term, c, at, t)
}

// pages is the log of a node, nothing of which is removed unless it is to be written.
type pages struct {
	raft.LogStore
	write bool
}

// IsMonotonic tells whether the store below takes no gaps.
func (p pages) IsMonotonic() bool {
	m, ok := p.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// DeleteRange deletes entries, both ends included.
func (p pages) DeleteRange(first, last uint64) error {
	if !p.write || last == 0 {
		return nil
	}
	return p.LogStore.DeleteRange(first, last)
}

// nobody observes a state machine.
type nobody struct{}

// Applied takes no notice.
func (nobody) Applied([]fsm.Event) {}

// Restored takes no notice.
func (nobody) Restored(*limit.State) {}
