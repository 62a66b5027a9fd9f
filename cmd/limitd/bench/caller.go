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
	run     *run
	base    int // of run.Bases, that it talks to now
	acquire histogram
	release histogram
	pairs   int64
	retries int64
	tokens  []uint64
	errs    []error // the first few
	failed  int64
}

// keptErrors is how many errors of one caller the report can show.
const keptErrors = 3

// pause is what a caller waits before it tries again.
const pause = 20 * time.Millisecond

// pair acquires a slot of l and releases it.
func (c *caller) pair(ctx context.Context, l *watched) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id := c.run.name + "-" + strconv.FormatUint(c.run.ids.Add(1), 10)
	var grant wire.Grant
	start := time.Now()
	err := c.call(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{
		ID: id, Limits: []wire.Entry{{Name: l.name}}, Wait: wire.Duration(patience), TTL: ttl, Owner: &wire.Owner{Name: "limitd bench"},
	}, &grant)
	if err != nil {
		c.fail(fmt.Errorf("acquire: %w", err))
		return
	}
	c.acquire.add(time.Since(start))
	l.granted()
	c.tokens = append(c.tokens, grant.Token)
	time.Sleep(c.run.Hold)
	l.held.Add(-1) // from the sending of the release on, the slot may be another's
	var released wire.Released
	start = time.Now()
	err = c.call(ctx, http.MethodPost, "/v1/release", wire.ReleaseRequest{Token: grant.Token}, &released)
	switch {
	case err != nil:
		c.fail(fmt.Errorf("release: %w", err))
	case !released.Released:
		c.fail(fmt.Errorf("release of token %d: %s", grant.Token, released.Reason))
	default:
		c.release.add(time.Since(start))
		c.pairs++
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
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusAccepted:
		return errWaiting
	case response.StatusCode/100 != 2:
		return problemOf(response, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}

func problemOf(response *http.Response, answer []byte) error {
	var p wire.Problem
	if err := json.Unmarshal(answer, &p); err != nil || p.Code == "" {
		return fmt.Errorf("an answer that is not limitd's: %s", response.Status)
	}
	return &p
}
