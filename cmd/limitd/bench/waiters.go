package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Queue is what a run of Waiters found beside the latencies.
type Queue struct {
	Waiters int64 `json:"waiters"`
	// Parked is how long it took until all stood in the queue, s; Granted from the
	// sending of the release that frees all slots to the last grant's answer, s.
	Parked  float64 `json:"parked_seconds"`
	Granted float64 `json:"granted_seconds"`
	// Memory is what the resident memory of all nodes that were named grew by while
	// the queue filled, per waiter, bytes; 0: a node did not tell.
	Memory int64 `json:"memory_bytes_per_waiter"`
}

// lookEvery is the time between looks at the length of the queue.
const lookEvery = 20 * time.Millisecond

// errQueue says that the queue did not fill in the time that it was given.
var errQueue = errors.New("not everybody stood in the queue in time")

// wait holds all slots of one limit, lets every caller wait for one, frees them
// all at once, and measures until the last caller is granted.
func (r *run) wait(ctx, calls context.Context) (*Report, error) {
	limit, holder := r.limits[0], newCaller(r, 0)
	var all wire.Grant
	if err := holder.call(calls, http.MethodPost, "/v1/acquire", r.request(limit, r.Slots, ""), &all); err != nil {
		return nil, fmt.Errorf("hold the slots: %w", err)
	}
	var freed atomic.Int64 // when, ns of the Unix epoch; 0: not yet
	before, told := r.resident(calls)
	start := time.Now()
	callers, granted := r.queueUp(calls, limit, &freed)
	err := r.whole(ctx, holder, limit)
	parked := time.Since(start)
	after, toldAgain := r.resident(calls)
	freed.Store(time.Now().UnixNano())
	if gone := holder.giveBack(calls, all.Token); gone != nil {
		err = errors.Join(err, gone)
	}
	elapsed := granted()
	report := newReport(r.Options, callers, elapsed)
	report.Queue = &Queue{Waiters: int64(len(callers)), Parked: parked.Seconds(), Granted: elapsed.Seconds()}
	if told && toldAgain {
		report.Queue.Memory = (after - before) / int64(len(callers))
	}
	report.judgeTokens(callers)
	report.judgePeak(r.limits)
	return report, err
}

// queueUp lets every caller wait. granted waits for the last grant, and returns
// how long after the slots became free it was.
func (r *run) queueUp(calls context.Context, limit *watched, freed *atomic.Int64) (callers []*caller, granted func() time.Duration) {
	var grants, releases sync.WaitGroup
	grants.Add(r.Connections)
	for i := range r.Connections {
		c := newCaller(r, i)
		callers = append(callers, c)
		releases.Go(func() {
			token := c.standInLine(calls, limit, freed)
			grants.Done()
			if token == 0 {
				return
			}
			grants.Wait() // a release on the way would be measured too
			limit.held.Add(-1)
			if err := c.giveBack(calls, token); err != nil {
				c.fail(err)
				return
			}
			c.done++
		})
	}
	return callers, func() time.Duration {
		grants.Wait()
		end := time.Now().UnixNano()
		releases.Wait()
		return time.Duration(end - freed.Load())
	}
}

// standInLine waits for a slot and returns the grant's token; 0: it failed.
func (c *caller) standInLine(ctx context.Context, limit *watched, freed *atomic.Int64) uint64 {
	ctx, cancel := context.WithTimeout(ctx, patience+c.run.Duration)
	defer cancel()
	request := c.run.request(limit, 1, "")
	request.Wait = wire.Duration(patience + c.run.Duration)
	var grant wire.Grant
	if err := c.call(ctx, http.MethodPost, "/v1/acquire", request, &grant); err != nil {
		c.fail(fmt.Errorf("acquire: %w", err))
		return 0
	}
	now := time.Now().UnixNano()
	since := freed.Load()
	if since == 0 {
		limit.held.Add(c.run.Slots) // the holder has them all still: judgePeak convicts it
		since = now
	}
	limit.granted()
	c.tokens = append(c.tokens, grant.Token)
	c.acquire.add(time.Duration(now - since))
	return grant.Token
}

// whole waits until all stand in the queue.
func (r *run) whole(ctx context.Context, c *caller, limit *watched) error {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	for {
		var now wire.Limit
		if err := c.call(ctx, http.MethodGet, "/v1/limits/"+limit.name, nil, &now); err != nil {
			return fmt.Errorf("%w: look at the queue: %w", errQueue, err)
		}
		if now.Status.Waiting >= int64(r.Connections) {
			return nil
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return fmt.Errorf("%w: %d of %d", errQueue, now.Status.Waiting, r.Connections)
		}
	}
}

// resident returns the resident memory of all nodes together, bytes; false where
// a node does not tell.
func (r *run) resident(ctx context.Context) (sum int64, told bool) {
	for _, base := range r.Bases {
		n, err := Metric(ctx, r.client, base, "process_resident_memory_bytes")
		if err != nil {
			return 0, false
		}
		sum += int64(n)
	}
	return sum, true
}
