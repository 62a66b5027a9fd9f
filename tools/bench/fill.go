package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/limitd/limitd/tools/bench/lean"
)

// How a cluster is filled: so many connections, and operations of one request
// where they go by /v1/batch.
const (
	fillers  = 32
	perBatch = 500
)

// cargo is what a cluster is filled with.
type cargo struct {
	path string
	per  int // how many go in one request; more than one: by /v1/batch
	body func(i int) string
	yes  string // stands in the answer once for each that came to be
}

// send sends from the cargo those from to to, by many connections.
func (g grown) send(ctx context.Context, c cargo, from, to int) error {
	var next atomic.Int64
	next.Store(int64(from))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	for range fillers {
		all.Go(func() {
			conn, err := lean.Dial(g.full.Leader)
			if err != nil {
				stop(err)
				return
			}
			defer conn.Close()
			for ctx.Err() == nil {
				first := int(next.Add(int64(c.per))) - c.per
				last := min(first+c.per, to)
				if first >= last {
					return
				}
				if err := c.post(conn, first, last); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// post sends one request.
func (c cargo) post(conn *lean.Conn, first, last int) error {
	text := c.body(first)
	if c.per > 1 {
		var list []string
		for i := first; i < last; i++ {
			list = append(list, c.body(i))
		}
		text = `{"unordered":true,"operations":[` + strings.Join(list, ",") + `]}`
	}
	status, answer, err := conn.Post(c.path, []byte(text))
	switch {
	case err != nil:
		return err
	case bytes.Count(answer, []byte(c.yes)) != last-first:
		return fmt.Errorf("%s: %w: %d %.300s", c.path, errRefused, status, answer)
	}
	return nil
}
