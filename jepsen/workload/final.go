package workload

import (
	"context"
	"encoding/json"
	"errors"
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
// their state, asks for the settings, and records what it found. What does not come in time is
// recorded as it is, for the judge; Final.Error says only that nobody could be
// asked.
func Finish(ctx context.Context, e *Env) {
	c := newCaller(e, finalCaller)
	final := history.Final{Limits: map[string]int64{}}
	rest := c.persist(ctx, finalTime, func(ctx context.Context) (bool, error) {
		err := c.look(ctx, &final)
		return final.Leases == 0 && final.Waiting == 0 && free(final.Limits), err
	})
	equal := c.persist(ctx, finalTime/3, func(ctx context.Context) (bool, error) { return c.verify(ctx, &final) })
	var settings wire.Settings
	asked := c.persist(ctx, finalTime/3, func(ctx context.Context) (bool, error) {
		return true, c.ask(ctx, http.MethodGet, "/v1/cluster/settings", &settings)
	})
	final.Patience = time.Duration(settings.Patience)
	if err := errors.Join(rest, equal, asked); err != nil {
		final.Error = err.Error()
	}
	e.Record.Final(final)
}

// persist looks until it is good, or time is over; then it returns the last
// look's error.
func (c *caller) persist(ctx context.Context, most time.Duration, look func(context.Context) (good bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		good, err := look(ctx)
		if good && err == nil || !sleep(ctx, finalEvery) {
			return err
		}
	}
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

// verify has all nodes digest their state at one record, and tells whether all
// did, and have the same.
func (c *caller) verify(ctx context.Context, final *history.Final) (bool, error) {
	var v wire.Verification
	if err := c.ask(ctx, http.MethodPost, "/v1/cluster/verify", &v); err != nil {
		return false, err
	}
	final.Index, final.Nodes = v.Index, nil
	for _, name := range slices.Sorted(maps.Keys(v.Digests)) {
		final.Nodes = append(final.Nodes, history.FinalNode{Name: name, Digest: v.Digests[name]})
	}
	for _, name := range slices.Sorted(slices.Values(v.Missing)) {
		final.Nodes = append(final.Nodes, history.FinalNode{Name: name})
	}
	return v.Equal && len(v.Missing) == 0 && len(v.Digests) >= len(c.env.URLs), nil
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
