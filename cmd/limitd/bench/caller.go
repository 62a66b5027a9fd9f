package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// caller is one connection. It is used by one goroutine.
type caller struct {
	run        *run
	base       int   // of run.Bases, that it talks to now
	time       int64 // cluster time that the last answer told, ns
	acquire    histogram
	release    histogram
	done       int64 // operations that came to their end
	failed     int64 // those that did not
	retries    int64
	tokens     []uint64
	admissions []admission
	errs       []error // the first few
}

func newCaller(r *run, i int) *caller {
	return &caller{run: r, base: i % len(r.Bases), acquire: newHistogram(), release: newHistogram()}
}

// keptErrors is how many errors of one caller the report can show.
const keptErrors = 3

// pause is what a caller waits before it tries again.
const pause = 20 * time.Millisecond

// request is an acquire of slots of l, under an id of its own.
func (r *run) request(l *watched, slots int64, mode string) wire.AcquireRequest {
	return wire.AcquireRequest{
		ID:     r.name + "-" + strconv.FormatUint(r.ids.Add(1), 10),
		Limits: []wire.Entry{{Name: l.name, Slots: slots}}, Mode: mode,
		Wait: wire.Duration(patience), TTL: ttl, Owner: &wire.Owner{Name: "limitd bench"},
	}
}

func (c *caller) fail(err error) {
	if c.failed++; len(c.errs) < keptErrors {
		c.errs = append(c.errs, err)
	}
}

// call sends a request until it is answered for good or ctx ends, at one node
// after the other.
func (c *caller) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for {
		err := c.try(ctx, method, path, body, out)
		var p *wire.Problem
		if err == nil || errors.As(err, &p) && p.Code.Info().Retry != wire.RetrySameID {
			return err
		}
		c.retries++
		c.base = (c.base + 1) % len(c.run.Bases)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// errWaiting says that an acquire waits still: the same id asks again.
var errWaiting = errors.New("still waiting")

func (c *caller) try(ctx context.Context, method, path string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.run.Bases[c.base]+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", wire.TypeJSON)
	}
	if c.run.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.run.Token)
	}
	response, err := c.run.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	c.heed(response.Header.Get(wire.HeaderTime))
	switch {
	case response.StatusCode == http.StatusAccepted:
		return errWaiting
	case response.StatusCode/100 != 2:
		return problemOf(response, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}

// heed takes note of the cluster time that an answer told.
func (c *caller) heed(text string) {
	told, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return
	}
	c.time = told
	seen := &c.run.seen
	for newest := seen.Load(); told > newest && !seen.CompareAndSwap(newest, told); newest = seen.Load() {
	}
}

func problemOf(response *http.Response, answer []byte) error {
	var p wire.Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Code == "" {
		return fmt.Errorf("an answer that is not limitd's: %s", response.Status)
	}
	return &p
}
