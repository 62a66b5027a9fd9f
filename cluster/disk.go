package cluster

import (
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/cluster/store"
)

// disk watches the free space of the data directory.
type disk struct{ short atomic.Bool }

// low tells whether space is short.
func (d *disk) low() bool { return d.short.Load() }

const (
	diskEvery = 5 * time.Second
	// diskLow is the free space, in bytes, below which a node gives its
	// leadership away: a leader that cannot write stops the process.
	diskLow = 128 << 20
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

func (r *Replica) checkDisk() {
	free, err := store.Free(r.cfg.Stores.Dir)
	if err != nil {
		r.log.Warn("the free disk space is not known", "err", err)
		return
	}
	short := free < diskLow
	if was := r.disk.short.Swap(short); short && !was {
		r.log.Error("the disk is nearly full: this node stops when a write fails", "free_bytes", free, "dir", r.cfg.Stores.Dir)
		r.handOver() // once: the others may be no better off
	}
}
