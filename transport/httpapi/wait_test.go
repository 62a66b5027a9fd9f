package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/wire"
)

// took returns how long a call takes by the bubble's clock.
func took(call func()) time.Duration {
	begun := time.Now()
	call()
	return time.Since(begun)
}

func TestSilenceOfAWait(t *testing.T) {
	loadContract(t) // outside of the bubble, for all tests
	for _, tt := range []struct {
		fields string
		header string
		want   time.Duration
	}{
		{`"wait":"30s"`, "Limitd-Timeout: 10s", 32 * time.Second}, // the cluster's clock stands still: its end is not told
		{`"wait":"30s","hold":"25s"`, "Limitd-Timeout: 10s", 25 * time.Second},
		{`"wait":"30s","hold":"0s"`, "Limitd-Timeout: 10s", 0},
		{`"wait":"30s","hold":"1h"`, "Limitd-Timeout: 10s", 32 * time.Second},
		{`"wait":"30s"`, "Limitd-Timeout: 1s", 30500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCaller(t)
			c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
			c.post("/v1/acquire", `{"limits":[{"name":"db"}],"ttl":"24h"}`).must(200)
			got := took(func() {
				c.post("/v1/acquire", `{"id":"w","limits":[{"name":"db"}],`+tt.fields+`}`, tt.header).must(202)
			})
			if got != tt.want {
				t.Errorf("%s: silent for %v, want %v", tt.fields, got, tt.want)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	loadContract(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t)
		c.w.Stuck = true
		got := took(func() {
			p := c.post("/v1/release", `{"id":"a"}`, "Limitd-Timeout: 3s").must(504).refuses(wire.CodeOutcomeUnknown)
			if !strings.Contains(p.Detail, "3s") {
				t.Errorf("%+v", p)
			}
		})
		if got != 3*time.Second {
			t.Errorf("it took %v", got)
		}
		p := c.post("/v1/acquire", `{"limits":[{"name":"db"}]}`).must(504).refuses(wire.CodeOutcomeUnknown)
		if len(p.ID) != 26 {
			t.Errorf("the id that the node made is not told: %+v", p)
		}
		b := read[wire.Batch](c.post("/v1/batch", `{"operations":[{"release":{"id":"a"}},{"acquire":{"id":"b","limits":[{"name":"db"}]}}]}`).must(200))
		if b.Results[0].Status != 504 || b.Results[1].Status != 503 {
			t.Errorf("%+v", b)
		}
	})
}

// A batch keeps its order where the order can be seen, however many of its
// operations are under way at a time.
func TestBatchKeepsItsOrder(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":40}`).must(201)
	var ops []string
	for i := range 100 {
		ops = append(ops, fmt.Sprintf(`{"acquire":{"id":"a%d","limits":[{"name":"db"}]}}`, i))
	}
	for i := range 40 {
		ops = append(ops, fmt.Sprintf(`{"release":{"id":"a%d"}}`, i))
	}
	for i := range 50 {
		ops = append(ops, fmt.Sprintf(`{"acquire":{"id":"b%d","limits":[{"name":"db"}]}}`, i))
	}
	b := read[wire.Batch](c.post("/v1/batch", `{"operations":[`+strings.Join(ops, ",")+`]}`).must(200))
	for i, r := range b.Results {
		want := 200
		if i >= 40 && i < 100 || i >= 180 {
			want = 429
		}
		if r.Status != want {
			t.Errorf("operation %d: %d, want %d", i, r.Status, want)
		}
	}
}

// brokenPipe is a caller's connection that has gone when the answer comes.
type brokenPipe struct{ *httptest.ResponseRecorder }

func (brokenPipe) FlushError() error { return errors.New("broken pipe") }

func TestAnswerThatCannotBeWritten(t *testing.T) {
	for body, held := range map[string]int{
		`{"limits":[{"name":"db"}]}`:                                          0,
		`{"id":"mine","limits":[{"name":"db"}]}`:                              1,
		`{"operations":[{"acquire":{"limits":[{"name":"db"}]}}]}`:             0,
		`{"operations":[{"acquire":{"id":"mine","limits":[{"name":"db"}]}}]}`: 1,
	} {
		c := newCaller(t)
		c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
		path := "/v1/acquire"
		if strings.Contains(body, "operations") {
			path = "/v1/batch"
		}
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", wire.TypeJSON)
		c.w.api.ServeHTTP(brokenPipe{httptest.NewRecorder()}, r)
		if l := read[wire.Leases](c.get("/v1/leases").must(200)); len(l.Leases) != held {
			t.Errorf("%s leaves %d leases, want %d", body, len(l.Leases), held)
		}
	}
}

// The id of a write under a key is the same on every node, and another for
// another method or path.
func TestKeysOfWrites(t *testing.T) {
	ids := map[string]bool{}
	for range 2 {
		c := newCaller(t)
		for _, name := range []string{"a", "b"} {
			c.do("PUT", "/v1/limits/"+name, `{"slots":1}`, "Idempotency-Key: k").must(201)
			c.do("DELETE", "/v1/limits/"+name, "", "Idempotency-Key: k").must(204)
		}
		for _, op := range c.w.Ops {
			ids[op.ID] = true
			if !strings.HasPrefix(op.ID, "k/") || len(op.ID) != 34 || wire.CheckID(op.ID) == "" {
				t.Errorf("id %q", op.ID)
			}
		}
		c.w.Ops = nil
		c.do("PUT", "/v1/limits/a", `{"slots":1}`).must(201)
		if id := c.w.Ops[0].ID; !strings.HasPrefix(id, "n/") || len(id) != 28 {
			t.Errorf("id %q", id)
		}
		c.post("/v1/release", `{"id":"x"}`, "Idempotency-Key: k").must(200)
		if op := c.w.Ops[1]; op.ID != "" || op.Op.Kind() != command.KindRelease {
			t.Errorf("%+v", op)
		}
	}
	if len(ids) != 4 {
		t.Errorf("%d different ids, want 4: %v", len(ids), ids)
	}
}
