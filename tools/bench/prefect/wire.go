package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/limitd/limitd/tools/bench/lean"
	"github.com/limitd/limitd/tools/bench/load"
)

// wireFactor is how many times the pairs of Prefect on PostgreSQL limitd is meant
// to do.
const wireFactor = 50

// wire measures pairs of an increment and a decrement with a lease, without
// Prefect's client.
func (b *trial) wire(ctx context.Context) error {
	for _, s := range b.systems {
		if err := errors.Join(s.createLimit(ctx, "wire", 1_000_000, 0), s.activate(ctx, "wire")); err != nil {
			return err
		}
	}
	best := map[string]float64{}
	for _, connections := range []int{1, 16, 64} {
		perSecond, p99, failed := map[string]load.Series{}, map[string]load.Series{}, map[string]int64{}
		work := fmt.Sprintf("pairs/s on the wire, %s (p99)", count(connections, "connection", "connections"))
		err := b.turns(min(2, b.size.rounds), b.systems, func(s *system) error {
			r, err := load.Run(ctx, load.Plan{Callers: connections, Warm: b.size.turn / 5, For: b.size.turn, Open: func(int) (load.Caller, error) {
				return &wireCaller{address: s.address}, nil
			}})
			if ctx.Err() != nil {
				return err
			}
			if err != nil {
				b.note(s, work, err.Error())
				return nil
			}
			b.log("%s, %s: %.0f, p99 %v, %d failed", work, s.name, r.PerSecond(), r.Latency(99), r.Failed)
			perSecond[s.name] = append(perSecond[s.name], r.PerSecond())
			p99[s.name] = append(p99[s.name], r.Latency(99).Seconds())
			if failed[s.name] += r.Failed; r.Failed > 0 {
				b.note(s, work, fmt.Sprintf("%d failed, first: %v", r.Failed, r.Err))
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, s := range b.systems {
			best[s.name] = max(best[s.name], perSecond[s.name].Median())
			b.table.set(work, s.name, fmt.Sprintf("%.0f (%.0f ms)", perSecond[s.name].Median(), 1e3*p99[s.name].Median()))
		}
	}
	for _, s := range b.systems {
		if s.name == onPostgres && best[s.name] > 0 {
			ratio := best["limitd"] / best[s.name]
			b.aim("pairs/s on the wire at best, of Prefect's on PostgreSQL", fmt.Sprintf(">= %d", wireFactor), fmt.Sprintf("%.1f", ratio), ratio >= wireFactor)
		}
	}
	return nil
}

// wireCaller takes a slot and gives it back: a pair is an operation.
type wireCaller struct {
	address string
	conn    *lean.Conn // nil: the next pair makes one
	body    []byte
}

// errAnswer says that a server answered something else than it should.
var errAnswer = errors.New("not the answer of a grant or a release")

func (c *wireCaller) Do(context.Context) error {
	err := c.pair()
	if err != nil {
		_ = c.Close() // whether it can still be used is not known
	}
	return err
}

func (c *wireCaller) pair() (err error) {
	if c.conn == nil {
		if c.conn, err = lean.Dial(c.address); err != nil {
			return err
		}
	}
	const path = "/api" + limitsPath
	status, answer, err := c.conn.Post(path+"increment-with-lease", []byte(`{"names":["wire"],"slots":1,"mode":"concurrency","lease_duration":300}`))
	if err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(answer, []byte(`"lease_id":"`))
	lease, _, found := bytes.Cut(rest, []byte{'"'})
	if status != 200 || !found {
		return fmt.Errorf("%w: %d %s", errAnswer, status, answer)
	}
	c.body = append(append(append(c.body[:0], `{"lease_id":"`...), lease...), `"}`...)
	status, answer, err = c.conn.Post(path+"decrement-with-lease", c.body)
	if err == nil && status != 204 {
		err = fmt.Errorf("%w: %d %s", errAnswer, status, answer)
	}
	return err
}

func (c *wireCaller) Close() (err error) {
	if c.conn != nil {
		err = c.conn.Close()
		c.conn = nil
	}
	return err
}
