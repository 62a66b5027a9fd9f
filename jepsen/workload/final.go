package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// How long Finish looks, and how often.
const (
	finalTime  = 90 * time.Second
	finalEvery = 250 * time.Millisecond
)

// finalCaller is the number of the caller that looks at the end.
const finalCaller = 900

// Finish waits, after all faults are mended and all callers are gone, until
// nothing is held, nothing waits and nothing is occupied, has all nodes digest
// their state, and records what it found. What does not come within a while is
// recorded as it is: the judge decides what that means.
func Finish(ctx context.Context, e *Env) {
	ctx, cancel := context.WithTimeout(ctx, finalTime)
	defer cancel()
	c := newCaller(e, finalCaller)
	final := history.Final{Limits: map[string]int64{}}
	for {
		err := c.look(ctx, &final)
		if err == nil && final.Leases == 0 && final.Waiting == 0 && free(final.Limits) {
			break
		}
		if !sleep(ctx, finalEvery) {
			final.Error = fmt.Sprintf("the cluster did not come to rest: %d leases, %d waiters, occupied %v (%v)", final.Leases, final.Waiting, final.Limits, err)
			break
		}
	}
	// The digests are looked for even where there is no rest, or no time left.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), finalTime/3)
	defer cancel()
	for {
		err := c.verify(ctx, &final)
		if err == nil {
			break
		}
		if !sleep(ctx, finalEvery) {
			final.Error += fmt.Sprintf(" no equal digests of all nodes: %v", err)
			break
		}
	}
	e.Record.Final(final)
}

func free(occupied map[string]int64) bool {
	for _, n := range occupied {
		if n > 0 {
			return false
		}
	}
	return true
}

// look reads what is held and what waits.
func (c *caller) look(ctx context.Context, final *history.Final) error {
	var leases wire.Leases
	if err := c.ask(ctx, http.MethodGet, "/v1/leases?page_size=1000", &leases); err != nil {
		return err
	}
	var limits wire.Limits
	if err := c.ask(ctx, http.MethodGet, "/v1/limits?page_size=1000", &limits); err != nil {
		return err
	}
	final.Leases, final.Waiting = int64(len(leases.Leases)), 0
	clear(final.Limits)
	for _, l := range limits.Limits {
		final.Limits[l.Name] = l.Status.Occupied
		final.Waiting += l.Status.Waiting
	}
	return nil
}

// verify has all nodes digest their state at one record. Its error says that
// some lack, or differ.
func (c *caller) verify(ctx context.Context, final *history.Final) error {
	var v wire.Verification
	if err := c.ask(ctx, http.MethodPost, "/v1/cluster/verify", &v); err != nil {
		return err
	}
	final.Index, final.Nodes = v.Index, nil
	for _, name := range slices.Sorted(maps.Keys(v.Digests)) {
		final.Nodes = append(final.Nodes, history.FinalNode{Name: name, Digest: v.Digests[name]})
	}
	for _, name := range slices.Sorted(slices.Values(v.Missing)) {
		final.Nodes = append(final.Nodes, history.FinalNode{Name: name})
	}
	switch {
	case len(v.Missing) > 0 || len(v.Digests) < len(c.env.URLs):
		return fmt.Errorf("%d of %d nodes gave one", len(v.Digests), len(c.env.URLs))
	case !v.Equal:
		return fmt.Errorf("they differ: %v", v.Digests)
	}
	return nil
}

// ask asks any node, outside of the history, and decodes a 200.
func (c *caller) ask(ctx context.Context, method, path string, out any) error {
	return c.askNode(ctx, c.chance.IntN(len(c.env.URLs)), method, path, out)
}

func (c *caller) askNode(ctx context.Context, node int, method, path string, out any) error {
	answer, body, err := c.send(ctx, request{method: method, path: path}, node)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s %s", method, path, answer.Status, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
