package cluster

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/cluster/store"
)

// space is how much of it a node has, and needs.
type space struct {
	free   uint64 // bytes; 0: in memory, or not known yet
	wanted uint64 // bytes below which it is short
}

// disk watches the free space of the data directory.
type disk struct{ last atomic.Pointer[space] }

// space returns that of this node's data directory as it was last looked at,
// not long ago.
func (r *Replica) space() space {
	if d := r.disk.last.Load(); d != nil {
		return *d
	}
	return space{}
}

// low tells whether space is short.
func (s space) low() bool { return s.free < s.wanted }

// String tells of the space for people.
func (s space) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("%d MiB free, and %d MiB are wanted", s.free/mib, (s.wanted+mib-1)/mib)
}

const (
	diskEvery = 5 * time.Second
	// DiskSpare is how many bytes, beside its next snapshot, a node wants to be
	// free. Below that it gives its leadership away, for a leader that cannot write
	// stops the process, and is not ready. What it writes before somebody comes are
	// entries: a segment of 64 MiB (log_store "wal"), or steps of 16 MiB ("boltdb"),
	// of which one holds tens of thousands of acquires.
	DiskSpare = 128 << 20
)

// watchDisk warns while space is short and gives the leadership away.
func (r *Replica) watchDisk() {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for {
		r.checkDisk()
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
	}
}

// checkDisk looks at the free space. A snapshot is the largest thing that a node
// writes at once, and written beside the last ones: the next is taken to be as
// large as the newest.
func (r *Replica) checkDisk() {
	free, err := store.Free(r.cfg.Stores.Dir)
	if err != nil {
		r.log.Warn("the free disk space is not known", "err", err)
		return
	}
	now := space{free: free, wanted: DiskSpare}
	if list, err := r.cfg.Stores.Snapshot.List(); err == nil && len(list) > 0 {
		now.wanted += uint64(list[0].Size)
	}
	was := r.space()
	r.disk.last.Store(&now)
	switch {
	case now.low() && !was.low():
		r.log.Error("the disk is nearly full: free some space; this node stops when a write fails",
			"dir", r.cfg.Stores.Dir, "free_bytes", now.free, "wanted_bytes", now.wanted)
		r.handOver() // once: the others may be no better off
	case was.low() && !now.low():
		r.log.Info("the disk has space again", "dir", r.cfg.Stores.Dir, "free_bytes", now.free)
	}
}
