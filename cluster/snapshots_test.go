package cluster_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
)

// slowSnapshots holds, once it was armed, the next snapshot that is begun until
// shortly after another was.
type slowSnapshots struct {
	raft.SnapshotStore
	armed atomic.Bool
	begun chan struct{}
	done  chan struct{}
}

func (s *slowSnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, c, configIndex, t)
	switch {
	case s.armed.CompareAndSwap(true, false):
		close(s.begun)
		return slowSink{sink, s}, err
	case closed(s.begun) && !closed(s.done):
		close(s.done)
	}
	return sink, err
}

type slowSink struct {
	raft.SnapshotSink
	store *slowSnapshots
}

func (k slowSink) Write(p []byte) (int, error) {
	<-k.store.done
	<-time.After(10 * time.Microsecond)
	return k.SnapshotSink.Write(p)
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestARestoreWhileASnapshotIsWritten has raft finish a snapshot of its own after
// the one of a backup that was restored meanwhile: the log goes on.
func TestARestoreWhileASnapshotIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowSnapshots{begun: make(chan struct{}), done: make(chan struct{})}
		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Raft: cluster.RaftOptions{
			SnapshotInterval: time.Second, SnapshotThreshold: 50, TrailingLogs: 64, MaxAppend: 8,
		}, Change: func(n *clustertest.Node, cfg *cluster.Config) {
			if n.Name != "n1" {
				return
			}
			slow.SnapshotStore = n.Stores.Snapshot
			stores, err := store.Of(n.Stores.ID, store.Parts{Log: n.Stores.Log, Stable: n.Stores.Stable, Snapshot: slow, Notes: n.Stores.Notes()})
			if err != nil {
				t.Fatal(err)
			}
			cfg.Stores = stores
		}})
		c.Eventually("n1 to lead", func() bool {
			leader := c.Leader()
			if leader.Name != "n1" {
				_ = leader.R().Transfer(t.Context(), "n1")
			}
			return leader.Name == "n1"
		})
		limitOf(t, c, "db", 1)
		var backup bytes.Buffer
		if err := c.Leader().R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		slow.armed.Store(true)
		for range 100 {
			op(t, c, "", &command.Tick{}, 0)
		}
		<-slow.begun
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0); err != nil {
			t.Fatal(err)
		}
		granted(t, op(t, c, "a", acquire("db", 0), 0))
		if leader := c.Leader(); leader.Name != "n1" {
			t.Errorf("%s leads", leader.Name)
		}
	})
}
