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

// send sends the bodies from to to, by many connections and per to a request,
// and counts on finding yes once for each in the answers.
func (g grown) send(ctx context.Context, path string, from, to, per int, body func(i int) string, yes string) error {
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
				first := int(next.Add(int64(per))) - per
				last := min(first+per, to)
				if first >= last {
					return
				}
				if err := post(conn, path, first, last, per, body, yes); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func post(conn *lean.Conn, path string, first, last, per int, body func(i int) string, yes string) error {
	text := body(first)
	if per > 1 {
		var list []string
		for i := first; i < last; i++ {
			list = append(list, body(i))
		}
		text = `{"unordered":true,"operations":[` + strings.Join(list, ",") + `]}`
	}
	status, answer, err := conn.Post(path, []byte(text))
	switch {
	case err != nil:
		return err
	case bytes.Count(answer, []byte(yes)) != last-first:
		return fmt.Errorf("%s: %w: %d %.300s", path, errRefused, status, answer)
	}
	return nil
}
