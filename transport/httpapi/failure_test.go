package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

func TestBackendErrors(t *testing.T) {
	c := newCaller(t)
	for _, tt := range []struct {
		err    error
		code   wire.Code
		status int
		effect wire.Effect
	}{
		{errNoLeader, wire.CodeNoLeader, 503, wire.EffectNone},
		{errUnknown, wire.CodeOutcomeUnknown, 504, wire.EffectUnknown},
		{context.DeadlineExceeded, wire.CodeOutcomeUnknown, 504, wire.EffectUnknown},
		{errors.New("a bug"), wire.CodeInternal, 500, wire.EffectUnknown},
	} {
		c.w.Fail = func(command.Command) error { return tt.err }
		for _, call := range []answer{
			c.post("/v1/acquire", `{"id":"a","limits":[{"name":"db"}]}`),
			c.post("/v1/release", `{"id":"a"}`),
			c.do("PUT", "/v1/limits/db", `{"slots":1}`),
		} {
			p := call.must(tt.status).refuses(tt.code)
			if late := strings.Contains(p.Detail, "did not come within 10s"); late != (tt.err == context.DeadlineExceeded) {
				t.Errorf("%v: %s", tt.err, p.Detail)
			}
			if p.Effect != tt.effect || (tt.status == 503) != (call.header.Get("Retry-After") != "") {
				t.Errorf("%v: %+v", tt.err, p)
			}
		}
		c.get("/v1/limits?consistency=stale").must(200)
		c.get("/v1/cluster").must(200)
	}
	c.w.Fail = func(command.Command) error { return context.DeadlineExceeded }
	c.get("/v1/limits").must(503).refuses(wire.CodeNoLeader)
}

// A node that was started and has applied nothing yet does not say that a limit is
// missing; of the cluster it tells what it knows.
func TestWhoHasNoStateTellsOfNone(t *testing.T) {
	c := newCaller(t)
	c.w.stuck, c.w.blank = true, true
	c.get("/v1/limits/db?consistency=stale").must(503).refuses(wire.CodeNoLeader)
	c.get("/v1/limits?consistency=stale").must(503).refuses(wire.CodeNoLeader)
	c.get("/v1/cluster").must(200)
}

func TestPanics(t *testing.T) {
	c := newCaller(t)
	c.w.Fail = func(command.Command) error { panic("a bug") }
	c.post("/v1/release", `{"id":"a"}`).must(500).refuses(wire.CodeInternal)
	b := read[wire.Batch](c.post("/v1/batch", `{"operations":[{"release":{"id":"a"}},{"release":{"id":"b"}}]}`).must(200))
	if b.Results[1].Status != 500 {
		t.Errorf("%+v", b)
	}
	c.w.Fail = nil
	c.post("/v1/release", `{"id":"a"}`).must(200)
}

// An id that the node made and never told is taken back when its caller hangs
// up: while it waits, and when the grant came too late to be told.
func TestHangUpOfANodeMadeID(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"holder","limits":[{"name":"db"}]}`).must(200)
	ctx, hangUp := context.WithCancel(context.Background())
	c.w.After = func(cmd command.Command) error {
		if _, ok := cmd.Op.(*command.Acquire); ok {
			hangUp()
		}
		return nil
	}
	c.hungUp(ctx, `{"limits":[{"name":"db"}],"wait":"1h"}`)
	c.w.After = nil
	if q := read[wire.Queue](c.get("/v1/limits/db/queue").must(200)); len(q.Waiters) != 0 {
		t.Errorf("the wait was left behind: %+v", q)
	}
	c.post("/v1/release", `{"id":"holder"}`).must(200)

	ctx, hangUp = context.WithCancel(context.Background())
	c.w.After = func(command.Command) error { hangUp(); return nil }
	c.hungUp(ctx, `{"limits":[{"name":"db"}]}`)
	c.w.After = nil
	if l := read[wire.Leases](c.get("/v1/leases").must(200)); len(l.Leases) != 0 {
		t.Errorf("the grant was left behind: %+v", l)
	}
}

func TestHangUpOfACallersID(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"holder","limits":[{"name":"db"}]}`).must(200)
	ctx, hangUp := context.WithCancel(context.Background())
	c.w.After = func(command.Command) error { hangUp(); return nil }
	c.hungUp(ctx, `{"id":"mine","limits":[{"name":"db"}],"wait":"1h"}`)
	c.w.After = nil
	if q := read[wire.Queue](c.get("/v1/limits/db/queue").must(200)); len(q.Waiters) != 1 {
		t.Errorf("the wait is gone: %+v", q)
	}
}

func TestHangUpOfABatch(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":5}`).must(201)
	ctx, hangUp := context.WithCancel(context.Background())
	c.w.After = func(command.Command) error { hangUp(); return nil }
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the caller who is gone was answered")
			}
		}()
		c.doContext(ctx, "POST", "/v1/batch", `{"operations":[{"acquire":{"limits":[{"name":"db"}]}},{"acquire":{"id":"mine","limits":[{"name":"db"}]}}]}`)
	}()
	c.w.After = nil
	if l := read[wire.Leases](c.get("/v1/leases").must(200)); len(l.Leases) != 0 {
		t.Errorf("left behind: %+v", l) // the second one was not begun
	}
}

// hungUp makes an acquire that must not be answered.
func (c *caller) hungUp(ctx context.Context, body string) {
	c.t.Helper()
	defer func() {
		if recover() != http.ErrAbortHandler {
			c.t.Error("the caller who is gone was answered")
		}
	}()
	c.doContext(ctx, "POST", "/v1/acquire", body)
}

func TestDrain(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"holder","limits":[{"name":"db"}]}`).must(200)
	mine, made := make(chan answer), make(chan answer)
	go func() { mine <- c.post("/v1/acquire", `{"id":"mine","limits":[{"name":"db"}],"wait":"1h"}`) }()
	c.w.Waiting("mine", 1)
	go func() { made <- c.post("/v1/acquire", `{"limits":[{"name":"db"}],"wait":"1h"}`) }()
	for len(c.queue()) < 2 {
		<-time.After(time.Millisecond)
	}
	c.w.api.Drain()
	c.w.api.Drain()
	p := (<-mine).must(503).refuses(wire.CodeShuttingDown)
	if p.Effect != wire.EffectUnknown || p.ID != "mine" {
		t.Errorf("%+v", p)
	}
	a := <-made
	if p := a.must(503).refuses(wire.CodeShuttingDown); p.Effect != wire.EffectNone || a.header.Get("Retry-After") != "1" || a.header.Get("Connection") != "close" {
		t.Errorf("%+v %v", p, a.header)
	}
	p = c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(503).refuses(wire.CodeShuttingDown)
	if p.Effect != wire.EffectNone {
		t.Errorf("%+v", p)
	}
	c.get("/v1/limits/db/queue").must(503)
	if q := c.queue(); len(q) != 1 || q[0] != "mine" {
		t.Errorf("the queue is %v", q)
	}
	c.get("/livez").must(200)
	if got := string(c.get("/readyz").must(503).body); got != "the node is shutting down\n" {
		t.Errorf("%q", got)
	}
	c.get("/metrics").must(200)
}

// queue returns the ids that wait for db.
func (c *caller) queue() (ids []string) {
	var list []limit.Waiter
	c.w.View(func(s *limit.State) { list, _ = s.Queue("db", 0, 10) })
	for _, w := range list {
		ids = append(ids, w.ID)
	}
	return ids
}

func TestCluster(t *testing.T) {
	c := newCaller(t)
	k := read[wire.Cluster](c.get("/v1/cluster").must(200))
	if k.Leader != "n1" || k.ClusterID != "01000000-0000-0000-0000-000000000000" || k.Rules != limit.Rules || k.Time != "1000000000" || len(k.Nodes) != 1 {
		t.Errorf("%+v", k)
	}
	v := read[wire.Verification](c.post("/v1/cluster/verify", "").must(200))
	if !v.Equal || len(v.Digests["n1"]) != 64 || v.Index == 0 || v.Missing == nil {
		t.Errorf("%+v", v)
	}
	c.post("/v1/cluster/transfer", `{"to":"n2"}`).must(204)
	c.post("/v1/cluster/transfer", "").must(204)
	p := c.post("/v1/cluster/transfer", `{"to":"nowhere"}`).must(404).refuses(wire.CodeNodeNotFound)
	if p.Detail != `no node is named "nowhere"` || p.Hint == "" {
		t.Errorf("%+v", p)
	}
	c.post("/v1/cluster/leave", "").must(204)
	c.do("DELETE", "/v1/cluster/nodes/n%202", "").must(204)
	c.w.clusterErr = errRefused
	p = c.post("/v1/cluster/leave", "").must(409).refuses(wire.CodeMembershipRefused)
	if p.Detail != errRefused.Error() {
		t.Errorf("%+v", p)
	}
	c.do("DELETE", "/v1/cluster/nodes/n2", "").must(409).refuses(wire.CodeMembershipRefused)
	c.do("PATCH", "/v1/cluster/nodes/n2", `{"role":"voter"}`).must(409).refuses(wire.CodeMembershipRefused)
}

func TestRoles(t *testing.T) {
	c := newCaller(t)
	c.do("PATCH", "/v1/cluster/nodes/n2", `{"role":"voter"}`).must(204)
	c.do("PATCH", "/v1/cluster/nodes/n2", `{"role":"nonvoter"}`, "Content-Type: application/merge-patch+json").must(204)
	c.do("PATCH", "/v1/cluster/nodes/nowhere", `{"role":"voter"}`).must(404).refuses(wire.CodeNodeNotFound)
	for _, body := range []string{`{"role":"king"}`, `{}`} {
		p := c.do("PATCH", "/v1/cluster/nodes/n2", body).must(400).refuses(wire.CodeInvalidRequest)
		if len(p.Errors) != 1 || p.Errors[0].Field != "role" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if a := read[wire.Autopilot](c.get("/v1/cluster/autopilot").must(200)); !a.Healthy || len(a.Nodes) != 1 || a.Outside == nil {
		t.Errorf("%+v", a)
	}
	c.w.clusterErr = errNoLeader
	c.get("/v1/cluster/autopilot").must(503).refuses(wire.CodeNoLeader)
}

func TestSettings(t *testing.T) {
	c := newCaller(t)
	before := read[wire.Settings](c.get("/v1/cluster/settings").must(200))
	if before.DefaultTTL != wire.Duration(time.Minute) || before.MaxLimits != 2_000_000 || before.MaxBackdate != wire.Duration(100*time.Millisecond) {
		t.Errorf("%+v", before)
	}
	after := read[wire.Settings](c.do("PATCH", "/v1/cluster/settings", `{"remember":"2m","max_waiters":10}`, "Content-Type: application/merge-patch+json").must(200))
	if after.Remember != wire.Duration(2*time.Minute) || after.MaxWaiters != 10 || after.Patience != before.Patience {
		t.Errorf("%+v", after)
	}
	back := read[wire.Settings](c.do("PATCH", "/v1/cluster/settings", `{"remember":null,"max_waiters":null}`).must(200))
	if back != before {
		t.Errorf("%+v", back)
	}
	p := c.do("PATCH", "/v1/cluster/settings", `{"remember":"1s","max_waiters":-1,"max_limits":"5","tick":"1s"}`).must(400).refuses(wire.CodeInvalidRequest)
	if len(p.Errors) != 4 {
		t.Errorf("%+v", p)
	}
}

// Where no more requests can be remembered, that bound can still be raised.
func TestSettingsAtTheirBound(t *testing.T) {
	c := newCaller(t)
	c.do("PATCH", "/v1/cluster/settings", `{"max_remembered":1000}`).must(200)
	var all strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&all, `,{"cancel":{"id":"x%d"}}`, i)
	}
	c.post("/v1/batch", `{"operations":[`+all.String()[1:]+`]}`).must(200)
	c.do("PUT", "/v1/limits/db", `{"slots":1}`).must(503).refuses(wire.CodeOverloaded)
	c.do("PATCH", "/v1/cluster/settings", `{"max_remembered":2000}`).must(200)
	c.do("PUT", "/v1/limits/db", `{"slots":1}`).must(201)
}

func TestSnapshot(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	snapshot := string(c.get("/v1/snapshot").must(200).body)
	c.do("DELETE", "/v1/limits/db", "").must(204)
	c.do("PUT", "/v1/snapshot", snapshot).must(415)
	c.w.clusterErr = errNoLeader
	c.get("/v1/snapshot").must(503).refuses(wire.CodeNoLeader)
	c.w.clusterErr = nil
	c.restore(snapshot).must(204)
	c.get("/v1/limits/db").must(200)
	c.restore(snapshot[:len(snapshot)/2]).must(400).refuses(wire.CodeInvalidRequest)
}

// TestQuarantine: after a restore every refusal says why nothing is granted, and
// how that is ended.
func TestQuarantine(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/limits", `{"name":"mail","slots":1,"rate":"1/s"}`).must(201)
	snapshot := string(c.get("/v1/snapshot").must(200).body)
	for _, bad := range []string{"25h", "-1s", "soon"} {
		c.doBytes("PUT", "/v1/snapshot?longest_ttl="+bad, snapshot, wire.TypeSnapshot).must(400).refuses(wire.CodeInvalidRequest)
	}
	c.doBytes("PUT", "/v1/snapshot?longest_ttl=0s", snapshot, wire.TypeSnapshot).must(204)
	if x := read[wire.Explanation](c.post("/v1/explain", `{"limits":[{"name":"db"}]}`).must(200)); !x.WouldGrant || x.Quarantine != nil {
		t.Errorf("nobody of before is at work, and %+v", x)
	}
	c.restore(snapshot).must(204)
	p := read[wire.Problem](c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(429))
	if p.Quarantine == nil || *p.Quarantine != wire.Duration(24*time.Hour) || *p.RetryAfter != *p.Quarantine || !strings.Contains(p.Detail, "a backup was restored") {
		t.Errorf("denied: %+v", p)
	}
	w := read[wire.Waiting](c.post("/v1/acquire", `{"id":"w","limits":[{"name":"db"}],"wait":"1h","hold":"0s"}`).must(202))
	if w.Quarantine == nil {
		t.Errorf("waiting: %+v", w)
	}
	x := read[wire.Explanation](c.post("/v1/explain", `{"limits":[{"name":"db"},{"name":"mail"}]}`).must(200))
	if x.WouldGrant || x.Quarantine == nil || !x.Limits[0].Quarantined || x.Limits[1].Quarantined {
		t.Errorf("explained: %+v", x)
	}
	c.post("/v1/acquire", `{"limits":[{"name":"mail"}]}`).must(200)
	if k := read[wire.Cluster](c.get("/v1/cluster").must(200)); k.Quarantine == nil {
		t.Errorf("the cluster: %+v", k)
	}
	for range 2 {
		c.do("DELETE", "/v1/cluster/quarantine", "").must(204)
	}
	if a := read[wire.AcquireStatus](c.get("/v1/acquires/w").must(200)); a.State != wire.StateGranted {
		t.Errorf("who waited: %+v", a)
	}
}

// Where no leader comes, neither way waits longer than the caller's time.
func TestSnapshotWithoutALeader(t *testing.T) {
	c := newCaller(t)
	c.w.stuck = true
	c.get("/v1/snapshot", "Limitd-Timeout: 10ms").must(503).refuses(wire.CodeNoLeader)
	c.do("PUT", "/v1/snapshot", "x", "Content-Type: "+wire.TypeSnapshot, "Limitd-Timeout: 10ms").must(503).refuses(wire.CodeNoLeader)
}

// restore puts a snapshot.
func (c *caller) restore(snapshot string) answer {
	c.t.Helper()
	return c.doBytes("PUT", "/v1/snapshot", snapshot, wire.TypeSnapshot)
}

func TestHealth(t *testing.T) {
	c := newCaller(t)
	if got := string(c.get("/readyz").must(200).body); got != "ready\n" {
		t.Errorf("%q", got)
	}
	c.w.notReady = []string{"no leader", "behind"}
	if got := string(c.get("/readyz").must(503).body); got != "no leader\nbehind\n" {
		t.Errorf("%q", got)
	}
	c.get("/livez").must(200)
	v := read[wire.Version](c.get("/v1/version").must(200))
	if v.Version != "0.1.0" || v.API[0] != "v1" {
		t.Errorf("%+v", v)
	}
}

func TestMetrics(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(200)
	c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(429)
	c.get("/nothing").must(404)
	text := c.get("/metrics").must(200).body
	for _, line := range []string{
		`limitd_acquires_total{outcome="granted"} 1`, `limitd_acquires_total{outcome="denied"} 1`, `limitd_limits 1`, `limitd_leases 1`,
		`limitd_open_waits 0`, `limitd_acquire_waited_seconds_count 1`,
		`limitd_http_request_duration_seconds_count{method="POST",route="/v1/acquire",status="4xx"} 1`,
		`limitd_http_request_duration_seconds_count{method="none",route="none",status="4xx"} 1`,
	} {
		if !bytes.Contains(text, []byte(line+"\n")) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if strings.Contains(string(text), "/nothing") {
		t.Error("a path became a label")
	}
}
