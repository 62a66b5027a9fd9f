package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/limitd/limitd/client"
)

// A program that holds two slots of "db" while it works.
func Example() {
	node := exampleNode() // stands for: limitd agent -dev
	defer node.Close()

	c, err := client.New(client.Config{Addresses: []string{node.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	ctx := context.Background()
	lease, err := c.Acquire(ctx, client.Request{
		Limits: client.Slots{"db": 2},
		Wait:   30 * time.Second,
	})
	if errors.Is(err, client.ErrTimeout) {
		fmt.Println("no slot within 30 s")
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
	// Output: working under token 812
}

// exampleNode answers as a node of limitd would.
func exampleNode() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/acquire":
			_, _ = fmt.Fprint(w, `{"granted":true,"id":"job-42","token":812,"ttl":"60s","waited":"0s","expires_in":"60s",
				"granted_at":"2026-11-23T08:00:00Z","limits":[{"id":"","name":"db","slots":2,"mode":"concurrency","counted":true}],"skipped":[],"replayed":false}`)
		case "/v1/release":
			_, _ = fmt.Fprint(w, `{"released":true}`)
		}
	}))
}
