package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// fakeCluster answers requests from a small model of limitd. Its time is the
// bubble's, and what the machine slept.
type fakeCluster struct {
	mu      sync.Mutex
	started time.Time
	slept   time.Duration // guarded by mu; of the machine, unseen by timers
	slots   map[string]int64
	ids     map[string]*fakeAcquire
	tokens  uint64
	changed chan struct{} // closed when slots come back
	log     []string      // requests: node, path and id or number of tokens
	// fault may break an exchange: before it has an effect, or its answer.
	fault func(node, path string) (before, after error)
	// reply, where it gives one, takes the place of the model.
	reply func(node, path string) *http.Response
}

type fakeAcquire struct {
	token   uint64
	limit   string
	slots   int64
	ttl     time.Duration
	began   time.Duration // first record
	until   time.Duration // of the wait
	granted time.Duration
	end     time.Duration // of the lease
	state   string        // wire.State*
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{started: time.Now(), slots: make(map[string]int64), ids: make(map[string]*fakeAcquire), changed: make(chan struct{})}
}

var errWire = errors.New("the wire is cut")

func (f *fakeCluster) nowLocked() time.Duration { return time.Since(f.started) + f.slept }

// clocks are those of a machine that knows when it slept by one of them.
func (f *fakeCluster) clocks() Clocks {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Clocks{int64(f.nowLocked()), int64(time.Since(f.started))}
}

func (f *fakeCluster) sleepMachine(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slept += d
}

func (f *fakeCluster) setFault(fault func(node, path string) (before, after error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *fakeCluster) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fakeCluster) forgetLog() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = nil
}

// held returns how many slots of a limit are held at the cluster now.
func (f *fakeCluster) held(limit string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.heldLocked(limit)
}

func (f *fakeCluster) heldLocked(limit string) (n int64) {
	for _, a := range f.ids {
		if a.limit == limit && a.state == wire.StateGranted && a.end > f.nowLocked() {
			n += a.slots
		}
	}
	return n
}

func (f *fakeCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.log = append(f.log, r.URL.Host+" "+r.URL.Path+" "+summary(body))
	fault, reply := f.fault, f.reply
	f.mu.Unlock()
	var before, after error
	if fault != nil {
		before, after = fault(r.URL.Host, r.URL.Path)
	}
	if before == errSilent || after == errSilent && f.swallow(r, body) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if before != nil {
		return nil, before
	}
	if reply != nil {
		if answer := reply(r.URL.Host, r.URL.Path); answer != nil {
			return answer, nil
		}
	}
	status, out := f.serve(r, body)
	if after != nil {
		return nil, after
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return respond(status, out), nil
}

// swallow lets a request have its effect, and no answer.
func (f *fakeCluster) swallow(r *http.Request, body []byte) bool {
	_, _ = f.serve(r, body)
	return true
}

func summary(body []byte) string {
	var q struct {
		ID     string   `json:"id"`
		Token  uint64   `json:"token"`
		Tokens []uint64 `json:"tokens"`
	}
	_ = json.Unmarshal(body, &q)
	switch {
	case q.ID != "":
		return q.ID
	case q.Tokens != nil:
		return fmt.Sprint(len(q.Tokens), " tokens")
	}
	return fmt.Sprint("token ", q.Token)
}

func respond(status int, out any) *http.Response {
	kind := wire.TypeJSON
	if _, ok := out.(*wire.Problem); ok {
		kind = wire.TypeProblem
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(b))}
}

// serve runs one request on the model.
func (f *fakeCluster) serve(r *http.Request, body []byte) (int, any) {
	read := func(into any) {
		if err := json.Unmarshal(body, into); err != nil {
			panic(err)
		}
	}
	switch r.URL.Path {
	case "/v1/acquire":
		var q wire.AcquireRequest
		read(&q)
		return f.acquire(r, q)
	case "/v1/batch":
		var q wire.BatchRequest
		read(&q)
		return http.StatusOK, f.batch(r, q)
	case "/v1/renew":
		var q wire.RenewRequest
		read(&q)
		return http.StatusOK, f.renew(q)
	case "/v1/release":
		var q wire.ReleaseRequest
		read(&q)
		return http.StatusOK, &wire.Released{Released: f.end(func(a *fakeAcquire) bool { return a.token == q.Token })}
	case "/v1/cancel":
		var q wire.CancelRequest
		read(&q)
		f.mu.Lock()
		if f.ids[q.ID] == nil {
			f.ids[q.ID] = &fakeAcquire{state: wire.StateEnded}
		}
		mine := f.ids[q.ID]
		f.mu.Unlock()
		return http.StatusOK, &wire.Cancelled{Cancelled: f.end(func(a *fakeAcquire) bool { return a == mine })}
	}
	return http.StatusNotFound, wire.NewProblem(wire.CodeRouteNotFound, r.URL.Path)
}

// batch runs operations one after the other; what must wait is told so at once.
func (f *fakeCluster) batch(r *http.Request, q wire.BatchRequest) *wire.Batch {
	out := &wire.Batch{}
	for _, o := range q.Operations {
		path, body := "/v1/release", any(o.Release)
		switch {
		case o.Acquire != nil:
			o.Acquire.Hold = wire.Duration(0).Ptr()
			path, body = "/v1/acquire", o.Acquire
		case o.Cancel != nil:
			path, body = "/v1/cancel", o.Cancel
		}
		one := r.Clone(r.Context())
		one.URL.Path = path
		status, answer := f.serve(one, encode(body))
		out.Results = append(out.Results, wire.Result{Status: status, Body: encode(answer)})
	}
	return out
}

// end ends the acquires that match.
func (f *fakeCluster) end(match func(*fakeAcquire) bool) (any bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.ids {
		if match(a) && a.state != wire.StateEnded {
			any = a.end > f.nowLocked() || a.state == wire.StateWaiting
			a.state = wire.StateEnded
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
	return any
}

func (f *fakeCluster) acquire(r *http.Request, q wire.AcquireRequest) (int, any) {
	f.mu.Lock()
	if f.ids[q.ID] == nil {
		ttl := time.Duration(q.TTL)
		if ttl == 0 {
			ttl = time.Minute
		}
		f.ids[q.ID] = &fakeAcquire{limit: q.Limits[0].Name, slots: q.Limits[0].Slots, ttl: ttl, began: f.nowLocked(), state: wire.StateWaiting}
		f.ids[q.ID].until = f.nowLocked() + time.Duration(q.Wait)
	}
	left := f.ids[q.ID].until - f.nowLocked()
	f.mu.Unlock()
	hold := time.NewTimer(holdOf(q))
	defer hold.Stop()
	deadline := time.NewTimer(left)
	defer deadline.Stop()
	for {
		status, out, changed, free := f.try(q)
		if out != nil {
			return status, out
		}
		expiry := time.NewTimer(free)
		select {
		case <-changed:
		case <-expiry.C:
		case <-hold.C:
			return http.StatusAccepted, &wire.Waiting{State: wire.StateWaiting, ID: q.ID, Position: 1}
		case <-deadline.C:
			f.end(func(a *fakeAcquire) bool { return a == f.ids[q.ID] })
			return http.StatusTooManyRequests, wire.NewProblem(wire.CodeWaitExpired, "waited long enough")
		case <-r.Context().Done():
			return 0, nil
		}
		expiry.Stop()
	}
}

func holdOf(q wire.AcquireRequest) time.Duration {
	if q.Hold == nil {
		return time.Duration(q.Wait) + time.Second
	}
	return time.Duration(*q.Hold)
}

// try grants or denies, or returns what to wait for.
func (f *fakeCluster) try(q wire.AcquireRequest) (status int, out any, changed chan struct{}, free time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, now := f.ids[q.ID], f.nowLocked()
	slots, known := f.slots[q.Limits[0].Name]
	switch {
	case a.limit != q.Limits[0].Name:
		return http.StatusConflict, wire.NewProblem(wire.CodeIDReused, "another request has this id"), nil, 0
	case a.state == wire.StateEnded, a.state == wire.StateGranted && a.ttl > 0 && a.end <= now:
		return http.StatusGone, wire.NewProblem(wire.CodeLeaseEnded, "it is over"), nil, 0
	case a.state == wire.StateGranted:
		return http.StatusOK, a.grant(q, now, true), nil, 0
	case !known && q.Missing != wire.MissingCreate:
		a.state = wire.StateEnded
		return http.StatusNotFound, wire.NewProblem(wire.CodeLimitNotFound, "no such limit"), nil, 0
	case !known || f.heldLocked(a.limit)+a.slots <= slots:
		f.tokens++
		a.token, a.state, a.granted, a.end = f.tokens, wire.StateGranted, now, now+a.ttl
		return http.StatusOK, a.grant(q, now, false), nil, 0
	case q.Wait == 0:
		a.state = wire.StateEnded
		p := wire.NewProblem(wire.CodeDenied, "no room")
		p.RetryAfter, p.Position = wire.Duration(1500*time.Millisecond).Ptr(), 4
		return http.StatusTooManyRequests, p, nil, 0
	}
	return 0, nil, f.changed, f.nextEndLocked(a.limit)
}

// nextEndLocked returns the time until a lease on limit ends.
func (f *fakeCluster) nextEndLocked(limit string) time.Duration {
	next := time.Hour
	for _, a := range f.ids {
		if a.limit == limit && a.state == wire.StateGranted && a.end > f.nowLocked() {
			next = min(next, a.end-f.nowLocked())
		}
	}
	return next
}

func (a *fakeAcquire) grant(q wire.AcquireRequest, now time.Duration, replayed bool) *wire.Grant {
	g := &wire.Grant{
		Granted: true, ID: q.ID, Token: a.token, TTL: wire.Duration(a.ttl), Waited: wire.Duration(a.granted - a.began),
		ExpiresIn: wire.Duration(a.end - now), Replayed: replayed,
		Limits: []wire.GrantedLimit{{Name: a.limit, Slots: a.slots, Mode: q.Limits[0].Mode, Counted: true, Ordinals: []uint32{0}}},
	}
	if q.Limits[0].Mode == wire.ModeRateLimit {
		g.TTL, g.ExpiresIn = 0, 0
	}
	return g
}

func (f *fakeCluster) renew(q wire.RenewRequest) *wire.Renewed {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := make(map[uint64]*fakeAcquire, len(f.ids))
	for _, a := range f.ids {
		by[a.token] = a
	}
	out := &wire.Renewed{}
	for _, token := range q.Tokens {
		a, now := by[token], f.nowLocked()
		r := wire.RenewedLease{Token: token, State: wire.LeaseGone}
		if a != nil && a.state == wire.StateGranted && a.end > now {
			a.end = max(a.end, now+a.ttl)
			r.State, r.ExpiresIn = wire.LeaseHeld, wire.Duration(a.end-now)
		}
		out.Leases = append(out.Leases, r)
	}
	return out
}

// client returns a client of f, which the test closes.
func (f *fakeCluster) client(t *testing.T, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Addresses: []string{"n1:1"}, Transport: f, Clocks: f.clocks}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
