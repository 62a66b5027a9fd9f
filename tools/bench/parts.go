package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/limitd/limitd/tools/bench/rig"
	"github.com/limitd/limitd/transport/wire"
)

// Names of the entrants, which tables and aims share.
const (
	etcdPut    = "etcd, put"
	etcdMutex  = "etcd, one Mutex"
	etcdTen    = "etcd, ten Mutexes"
	redisLua   = "Redis, Lua"
	byLean     = ", lean"
	byGoClient = ", Go client"
	byFollower = ", lean, through a follower"
	oneSlot    = ", one slot"
	tenSlots   = ", ten slots"
)

// stores are the log stores of limitd that are compared.
func stores() []string { return []string{"boltdb", "wal"} }

// field is all that runs side by side while it is compared.
type field struct {
	etcd   *rig.System
	redis  *rig.System            // nil: there is none
	limitd map[string]*rig.System // by log store
}

// The limits that the callers use.
const (
	freeLimit = "free" // has slots for everybody
	oneLimit  = "one"
	tenLimit  = "ten"
)

// assemble starts everything. What it started is closed with b.
func (b *trial) assemble(ctx context.Context) (f field, err error) {
	f.limitd = make(map[string]*rig.System)
	if f.etcd, err = b.keep(rig.StartEtcd(ctx, rig.Place{Binary: b.etcd, Dir: filepath.Join(b.dir, "etcd")})); err != nil {
		return f, err
	}
	if b.redis != "" {
		if f.redis, err = b.keep(rig.StartRedis(ctx, rig.Place{Binary: b.redis, Dir: filepath.Join(b.dir, "redis")})); err != nil {
			return f, err
		}
	}
	for _, store := range stores() {
		s, err := b.keep(rig.StartLimitd(ctx, rig.Place{Binary: b.limitd, Dir: filepath.Join(b.dir, store)}, store, ""))
		if err != nil {
			return f, err
		}
		f.limitd[store] = s
		for name, slots := range map[string]int64{freeLimit: 1 << 40, oneLimit: 1, tenLimit: 10} {
			if err := put(ctx, s, name, slots); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// put makes a limit, or changes its slots.
func put(ctx context.Context, s *rig.System, name string, slots int64) error {
	a, err := s.Nodes.Nodes()[0].Call(ctx, http.MethodPut, "/v1/limits/"+name, wire.LimitRequest{Slots: slots})
	if err == nil && a.Status/100 != 2 {
		err = fmt.Errorf("%w: %d %s", errRefused, a.Status, a.Body)
	}
	if err != nil {
		return fmt.Errorf("make the limit %s: %w", name, err)
	}
	return nil
}

// writes compares single writes: etcd's put with acquire and release, each a
// request of its own.
func (b *trial) writes(ctx context.Context, f field, callers int) error {
	all := []entrant{{etcdPut, f.etcd, newPutter(f.etcd.Leader)}}
	for _, store := range stores() {
		s := f.limitd[store]
		all = append(all,
			entrant{store + byLean, s, newOneByOne(s.Leader, freeLimit, "0s")},
			entrant{store + byGoClient, s, newByClient(s.Leader, freeLimit)},
			entrant{store + byFollower, s, newOneByOne(s.Follower, freeLimit, "0s")})
	}
	if f.redis != nil {
		all = append(all, entrant{redisLua, f.redis, newByRedis(f.redis.Leader)})
	}
	outcomes, err := b.compare(ctx, callers, all, nil)
	if err != nil {
		return err
	}
	tabulate(b.out, fmt.Sprintf("%d callers, each with a connection", callers), "write", etcdPut, outcomes)
	bounds := map[string]map[int]float64{"boltdb": {64: 1.8, 256: 2.5}, "wal": {64: 2.5, 256: 3.5}}
	for _, store := range stores() {
		if bound := bounds[store][callers]; bound > 0 {
			b.aim(faster(fmt.Sprintf("%s: writes/s of etcd's put, %d callers", store, callers), bound, find(outcomes, store+byLean), find(outcomes, etcdPut)))
		}
		b.aim(faster(fmt.Sprintf("%s: a follower of its leader, %d callers", store, callers), 0.85, find(outcomes, store+byFollower), find(outcomes, store+byLean)))
		if callers == 256 && f.redis != nil {
			b.aim(faster(store+": the Go client of Redis, 256 callers", 1, find(outcomes, store+byGoClient), find(outcomes, redisLua)))
		}
	}
	return nil
}

// lockers is how many callers contend for locks.
const lockers = 64

// locks compares callers that contend: an operation is a lock and its unlock.
func (b *trial) locks(ctx context.Context, f field) error {
	all := []entrant{
		{etcdMutex, f.etcd, newLocker(f.etcd.Leader, "one")},
		{etcdTen, f.etcd, newLocker(f.etcd.Leader, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")},
	}
	for _, store := range stores() {
		s := f.limitd[store]
		all = append(all,
			entrant{store + oneSlot, s, pairs(newOneByOne(s.Leader, oneLimit, "30s"))},
			entrant{store + tenSlots, s, pairs(newOneByOne(s.Leader, tenLimit, "30s"))})
	}
	outcomes, err := b.compare(ctx, lockers, all, nil)
	if err != nil {
		return err
	}
	tabulate(b.out, fmt.Sprintf("%d callers who contend", lockers), "pair", etcdMutex, outcomes)
	for _, store := range stores() {
		b.aim(faster(store+": one slot, of etcd's Mutex", 4, find(outcomes, store+oneSlot), find(outcomes, etcdMutex)))
		b.aim(faster(store+": ten slots, of etcd's Mutex", 20, find(outcomes, store+tenSlots), find(outcomes, etcdMutex)))
	}
	return nil
}

// single measures one caller alone, in units of what the disk takes.
func (b *trial) single(ctx context.Context, f field) error {
	all := []entrant{{etcdPut, f.etcd, newPutter(f.etcd.Leader)}}
	for _, store := range stores() {
		s := f.limitd[store]
		all = append(all, entrant{store + byLean, s, newOneByOne(s.Leader, freeLimit, "0s")})
	}
	outcomes, err := b.compare(ctx, 1, all, func() (time.Duration, error) { return rig.Fsync(b.dir) })
	if err != nil {
		return err
	}
	tabulate(b.out, "One caller alone", "write", etcdPut, outcomes)
	fmt.Fprintf(b.out, "\nWriting 4 KiB with fsync takes %.2f ms here. One caller's p50 in that unit: ", 1e3*find(outcomes, etcdPut).unit.Median())
	for i, o := range outcomes {
		if i > 0 {
			fmt.Fprint(b.out, "; ")
		}
		fmt.Fprintf(b.out, "%s %s", o.name, spread(o.p50.Over(o.unit), "%.1f"))
	}
	fmt.Fprintln(b.out, ".")
	for store, bound := range map[string]float64{"boltdb": 5, "wal": 3} {
		o := find(outcomes, store+byLean)
		b.aim(aim{what: store + ": one caller's p50 in fsyncs", bound: bound, atMost: true, measured: o.p50.Over(o.unit)})
	}
	return nil
}
