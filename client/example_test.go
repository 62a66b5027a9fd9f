package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

// exampleClient returns a client of a cluster in memory, and what ends both. A
// program writes
//
//	c, err := client.New(client.Config{Addresses: []string{"10.0.0.1:7480", "10.0.0.2:7480", "10.0.0.3:7480"}})
func exampleClient(limits map[string]client.LimitSettings) (c *client.Client, end func()) {
	kit := clienttest.Start()
	for name, settings := range limits {
		kit.SetLimit(name, settings)
	}
	return kit.Client(), kit.Close
}

// A program that holds two slots of "db" and one of "mail" while it works.
func Example() {
	c, end := exampleClient(map[string]client.LimitSettings{"db": {Slots: 5}, "mail": {Slots: 1}})
	defer end()
	ctx := context.Background()

	lease, err := c.Acquire(ctx, client.Request{
		Limits: client.Slots{"db": 2, "mail": 1}, // both or neither
		Wait:   30 * time.Second,
	})
	if errors.Is(err, client.ErrTimeout) {
		fmt.Println("no slots within 30 s")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = lease.Release(ctx) }()

	// work stops when lease.Context() ends, and sends the token along, so that
	// what it writes to can refuse those who come too late.
	work := func(ctx context.Context, token uint64) {
		if ctx.Err() == nil {
			fmt.Println("working under token", token)
		}
	}
	work(lease.Context(), lease.Token())
	// Output: working under token 1
}

// The work runs under a slot, wherever in the fleet it is started. Its context
// ends in time when the slot is lost.
func ExampleClient_Concurrency() {
	c, end := exampleClient(map[string]client.LimitSettings{"database": {Slots: 2}})
	defer end()

	err := c.Concurrency(context.Background(), []string{"database"}, func(ctx context.Context) error {
		fmt.Println("migrating under token", client.LeaseFrom(ctx).Token())
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: migrating under token 1
}

// No more than the limit allows to all programs together, and in the order in
// which they came.
func ExampleClient_RateLimit() {
	c, end := exampleClient(map[string]client.LimitSettings{"rate-limited-api": {Slots: 1, Rate: "100/s"}})
	defer end()

	for range 3 {
		if err := c.RateLimit(context.Background(), "rate-limited-api"); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("Making an HTTP request...")
	}
	// Output:
	// Making an HTTP request...
	// Making an HTTP request...
	// Making an HTTP request...
}

// A program that does small jobs until a slot for the big one is free.
func ExampleClient_AcquireAsync() {
	c, end := exampleClient(map[string]client.LimitSettings{"gpu": {Slots: 1}})
	defer end()
	ctx := context.Background()

	smallJobs := make(chan string)
	ticket := c.AcquireAsync(ctx, client.Request{Limits: client.Slots{"gpu": 1}, Wait: client.Forever})
	defer ticket.Cancel()
	for {
		select {
		case job := <-smallJobs:
			fmt.Println("meanwhile,", job)
		case <-ticket.Ready():
			lease, err := ticket.Lease()
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println("the big job")
			_ = lease.Release(ctx)
			return
		}
	}
	// Output: the big job
}

// What a program learns from a refusal.
func ExampleError() {
	c, end := exampleClient(map[string]client.LimitSettings{"api": {Slots: 1, Rate: "1/m"}})
	defer end()
	ctx, request := context.Background(), client.Request{RateLimits: client.Slots{"api": 1}}

	_, _ = c.Acquire(ctx, request)
	_, err := c.Acquire(ctx, request)
	var e *client.Error
	if errors.Is(err, client.ErrDenied) && errors.As(err, &e) {
		fmt.Println("come again in about", e.RetryAfter.Round(10*time.Second))
		fmt.Println("there were", e.BlockedBy[0].Occupied, "of", e.BlockedBy[0].Slots, "slots occupied")
	}

	_, err = c.Acquire(ctx, client.Request{RateLimits: client.Slots{"apy": 1}})
	if errors.As(err, &e) {
		fmt.Println(e.Code, "-", e.Hint)
	}
	// Output:
	// come again in about 1m0s
	// there were 1 of 1 slots occupied
	// limit_not_found - create it: limitd limit create apy --slots N; similar names: api
}

// The slots of a numbered limit stand for things that are told apart.
func ExampleLease_Ordinals() {
	c, end := exampleClient(map[string]client.LimitSettings{"gpu": {Slots: 4, Numbered: true}})
	defer end()
	ctx := context.Background()

	for range 2 {
		lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"gpu": 2}})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("CUDA_VISIBLE_DEVICES =", lease.Ordinals("gpu"))
		defer func() { _ = lease.Release(ctx) }()
	}
	// Output:
	// CUDA_VISIBLE_DEVICES = [0 1]
	// CUDA_VISIBLE_DEVICES = [2 3]
}

// Limits are made, changed and listed.
func ExampleClient_UpdateLimit() {
	c, end := exampleClient(nil)
	defer end()
	ctx := context.Background()

	_, err := c.CreateLimit(ctx, "db", client.LimitSettings{Slots: 5, Labels: map[string]string{"team": "data"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.UpdateLimit(ctx, "db", func(l *client.Limit) {
		l.Slots += 2
		l.Rate = "10/m"
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for l, err := range c.Limits(ctx, client.LimitFilter{Labels: map[string]string{"team": "data"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %d of %d slots occupied, %s come back\n", l.Name, l.Status.Occupied, l.Slots, l.Rate)
	}
	// Output: db: 0 of 7 slots occupied, 10/m come back
}

// Who is in the way.
func ExampleClient_Explain() {
	c, end := exampleClient(map[string]client.LimitSettings{"db": {Slots: 1}})
	defer end()
	ctx := context.Background()
	request := client.Request{Limits: client.Slots{"db": 1}, Owner: &client.Owner{Name: "nightly-export", Host: "w7"}}

	if _, err := c.Acquire(ctx, request); err != nil {
		fmt.Println(err)
		return
	}
	x, err := c.Explain(ctx, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range x.Limits {
		fmt.Printf("%s: %d of %d slots occupied by %s on %s\n", l.Name, l.Occupied, l.Slots, l.Holders[0].Owner.Name, l.Holders[0].Owner.Host)
	}
	// Output: db: 1 of 1 slots occupied by nightly-export on w7
}
