package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
)

// probers are callers of the client library, each beginning at another node, no
// call of whom may fail, and the time that their calls took.
type probers struct {
	stop context.CancelFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	took  []time.Duration // acquire and release together
	last  time.Time       // of the last success
	alone time.Duration   // the longest time without a success of anybody
	errs  []error
}

// gather begins so many callers, who acquire and release a slot of probe.
func gather(ctx context.Context, urls []string, callers int) *probers {
	ctx, stop := context.WithCancel(ctx)
	w := &probers{stop: stop, last: time.Now()}
	for i := range callers {
		first := i % len(urls)
		w.all.Go(func() { w.call(ctx, slices.Concat(urls[first:], urls[:first])) })
	}
	return w
}

func (w *probers) call(ctx context.Context, urls []string) {
	c, err := client.New(client.Config{Addresses: urls})
	for err == nil && ctx.Err() == nil {
		begun := time.Now()
		if err = callOnce(context.WithoutCancel(ctx), c); err == nil {
			w.succeeded(time.Since(begun))
		}
	}
	if c != nil {
		err = errors.Join(err, c.Close())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

// callOnce acquires and releases: what is begun is finished.
func callOnce(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"probe": 1}})
	if err != nil {
		return fmt.Errorf("acquire: %w", err)
	}
	if err := lease.Release(ctx); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

func (w *probers) succeeded(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, took)
	w.alone, w.last = max(w.alone, time.Since(w.last)), time.Now()
}

// end stops all callers, tells what they saw, and returns what went wrong.
func (w *probers) end() error {
	w.stop()
	w.all.Wait()
	slices.Sort(w.took)
	failed := len(slices.DeleteFunc(slices.Clone(w.errs), func(err error) bool { return err == nil }))
	n := len(w.took)
	if n == 0 {
		return errors.Join(append(w.errs, errors.New("no call succeeded"))...)
	}
	fmt.Printf("   %d pairs of acquire and release, %d failed; p50 %s, p99 %s, max %s; longest time without a success %s\n",
		n, failed, round(w.took[n/2]), round(w.took[n*99/100]), round(w.took[n-1]), round(w.alone))
	return errors.Join(w.errs...)
}
