package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/tools/bench/rig"
	"github.com/limitd/limitd/transport/wire"
)

// seed says what is in a cluster: limits, and spread over them leases; and on the
// first of them one lease and a queue, where there are to be waiters.
type seed struct{ limits, leases, waiters int }

// The names of what is in it, each with its number behind.
const (
	limitPrefix = "limit-"
	waiterID    = "waiter-" // the holder of the slot is waiter-0
)

func limitName(i int) string { return fmt.Sprint(limitPrefix, i) }

// plant puts the seed in place of all that a cluster has. It goes by a snapshot: a
// million requests would take minutes.
func (s seed) plant(ctx context.Context, to *rig.System, dir string) error {
	path := filepath.Join(dir, fmt.Sprintf("seed-%d-%d-%d", s.limits, s.leases, s.waiters))
	if err := s.write(path); err != nil {
		return fmt.Errorf("make a snapshot: %w", err)
	}
	if err := restore(ctx, to, path); err != nil {
		return fmt.Errorf("restore %s: %w", path, err)
	}
	return s.await(ctx, to)
}

// write writes the snapshot.
func (s seed) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	out := bufio.NewWriter(f)
	return errors.Join(s.state().Snapshot().Write(out), out.Flush())
}

// state plays the records of which the seed would come.
func (s seed) state() *limit.State {
	state, index := limit.New(), uint64(0)
	apply := func(id string, op command.Op) {
		index++
		state.Apply(index, 1, command.Command{Header: command.Header{Stamp: 1, Term: 1, Accepted: 1, ID: id, Wall: time.Now().UnixNano()}, Op: op})
	}
	settings := command.DefaultSettings()
	settings.MaxWaiters = 1_000_000
	apply("", &command.Genesis{ClusterID: [16]byte{1}, Settings: settings, Rules: limit.Rules})
	slots := int64(1 << 40)
	if s.waiters > 0 {
		slots = 1
	}
	for i := range s.limits {
		apply("", &command.PutLimit{Name: limitName(i), Settings: command.LimitSettings{Slots: slots, Active: true}})
	}
	acquire := func(id string, on int, wait time.Duration) {
		apply(id, &command.Acquire{
			Entries: []command.Entry{{Name: limitName(on), Slots: 1}}, TTL: int64(24 * time.Hour), Wait: int64(wait), Linger: int64(time.Minute),
			Owner: command.Owner{Name: "bench", Host: fmt.Sprintf("host-%d", index%1000), PID: int64(1000 + index%1000)},
		})
	}
	for i := range s.leases {
		acquire(fmt.Sprintf("lease-%d", i), i%s.limits, 0)
	}
	for i := range s.waiters + min(s.waiters, 1) {
		acquire(fmt.Sprint(waiterID, i), 0, 24*time.Hour)
	}
	return state
}

// restore has a cluster restore a snapshot, with which no holder is at work.
func restore(ctx context.Context, s *rig.System, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+s.Leader+"/v1/snapshot?longest_ttl=0s", f)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", wire.TypeSnapshot)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%w: %s", errRefused, response.Status)
	}
	return s.Look(ctx)
}

// plantedIn is how long the nodes may take until all have the seed.
const plantedIn = 5 * time.Minute

// errSeed says that a node did not get the seed.
var errSeed = errors.New("the seed did not come")

// await waits until every node has the seed.
func (s seed) await(ctx context.Context, to *rig.System) error {
	ctx, cancel := context.WithTimeout(ctx, plantedIn)
	defer cancel()
	want := map[string]int{"limitd_limits": s.limits, "limitd_leases": s.leases + min(s.waiters, 1), "limitd_waiters": s.waiters}
	for _, base := range to.Nodes.URLs() {
		for name, n := range want {
			for {
				have, err := bench.Metric(ctx, http.DefaultClient, base, name)
				if err == nil && have == float64(n) {
					break
				}
				if ctx.Err() != nil {
					return fmt.Errorf("%w to %s: %s is %.0f, not %d", errors.Join(errSeed, err), base, name, have, n)
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
	return nil
}
