package cluster_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
)

// spoilt has a bit flipped in each of its newest snapshots.
type spoilt struct {
	raft.SnapshotStore
	newest int
}

func (s spoilt) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	list, err := s.List()
	if err != nil {
		return nil, nil, err
	}
	meta, content, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(content)
	for _, m := range list[:min(s.newest, len(list))] {
		if m.ID == id {
			b[len(b)/2] ^= 1
		}
	}
	return meta, io.NopCloser(bytes.NewReader(b)), errors.Join(err, content.Close())
}

// TestDamagedSnapshots: one that cannot be read is passed over for the one before
// it. Where there is none, or the log behind that was compacted, the node does not
// start, and says that its files are damaged.
func TestDamagedSnapshots(t *testing.T) {
	for name, test := range map[string]struct {
		trailing uint64
		newest   int // snapshots that are damaged
		refused  bool
	}{
		"none":                      {64, 0, false},
		"one, and the log is there": {4200, 1, false},
		"one, and the log is gone":  {64, 1, true},
		"all":                       {4200, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cfg cluster.Config
				c := clustertest.Start(t, clustertest.Options{Nodes: 1, Raft: cluster.RaftOptions{
					SnapshotInterval: time.Second, SnapshotThreshold: 50, TrailingLogs: test.trailing, MaxAppend: 8,
				}, Change: func(_ *clustertest.Node, c *cluster.Config) { cfg = *c }})
				c.Leader()
				for range 8 {
					for range 200 {
						op(t, c, "", &command.Tick{}, 0)
					}
					sleep(t, 3*time.Second)
				}
				n := c.Leader()
				c.Kill(n)
				sleep(t, time.Second)
				stores, err := store.Of(n.Stores.ID, store.Parts{
					Log: n.Stores.Log, Stable: n.Stores.Stable, Snapshot: spoilt{n.Stores.Snapshot, test.newest}, Notes: n.Stores.Notes(),
				})
				if err != nil {
					t.Fatal(err)
				}
				cfg.Stores = stores
				r, err := cluster.Start(cfg)
				if refused := errors.Is(err, store.ErrDamaged); refused != test.refused || err != nil && !refused {
					t.Errorf("it starts: %v", err)
				}
				if r != nil {
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				}
				c.Restart(n)
			})
		})
	}
}
