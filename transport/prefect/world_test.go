package prefect_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/drain"
	"github.com/limitd/limitd/transport/prefect"
	"github.com/limitd/limitd/transport/solo"
	"github.com/limitd/limitd/transport/wire"
	"github.com/prometheus/client_golang/prometheus"
)

var errNoLeader = errors.New("no leader")

// world is the API of a cluster of one.
type world struct {
	*solo.Node
	t        testing.TB
	api      *prefect.API
	gate     *drain.Gate
	metrics  *prometheus.Registry
	notReady []string
	before   func(command.Command) // called before a command runs
	behind   *limit.State          // what the node itself knows, where that is not all
}

// newWorld returns an API that holds increments for so long.
func newWorld(t testing.TB, hold time.Duration) *world {
	t.Helper()
	return newWorldOf(t, prefect.Config{Hold: hold, CreateMissing: true})
}

func newWorldOf(t testing.TB, cfg prefect.Config) *world {
	t.Helper()
	w := &world{Node: solo.New(t), t: t, gate: new(drain.Gate), metrics: prometheus.NewRegistry()}
	cfg.Node, cfg.Backend, cfg.Gate, cfg.Registry = "n1", w, w.gate, w.metrics
	cfg.Ready, cfg.Classify = func() []string { return w.notReady }, classify
	cfg.Logger = hclog.New(&hclog.LoggerOptions{Output: logTo{t}})
	api, err := prefect.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.api = api
	return w
}

func classify(err error) wire.Code {
	if errors.Is(err, errNoLeader) {
		return wire.CodeNoLeader
	}
	return ""
}

// pass lets time pass, for the node as for the cluster.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	w.Advance(d)
}

func (w *world) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	if w.before != nil {
		w.before(cmd)
	}
	return w.Node.Run(ctx, cmd, hold)
}

func (w *world) Read(_ context.Context, read func(*limit.State)) error {
	return w.Node.Read(false, read)
}

func (w *world) ReadAt(_ context.Context, _ uint64, read func(*limit.State)) error {
	if w.behind != nil {
		read(w.behind)
		return nil
	}
	return w.Node.Read(true, read)
}

// logTo writes the log into the test's.
type logTo struct{ t testing.TB }

func (l logTo) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

// answer is what a call got.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

const limitsPath = "/v2/concurrency_limits"

// do makes a call; headers are given as "Name: value".
func (w *world) do(method, path, body string, headers ...string) answer {
	w.t.Helper()
	return w.doContext(context.Background(), method, path, body, headers...)
}

func (w *world) doContext(ctx context.Context, method, path, body string, headers ...string) answer {
	w.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, prefect.Base+path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	if rec.Header().Get(wire.HeaderNode) != "n1" {
		w.t.Errorf("%s %s: the answer does not tell its node", method, path)
	}
	return answer{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// post posts to a route of limits.
func (w *world) post(path, body string, headers ...string) answer {
	w.t.Helper()
	return w.do(http.MethodPost, limitsPath+path, body, headers...)
}

// must fails the test unless the status is the one given.
func (a answer) must(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// is fails the test unless the body is the one given.
func (a answer) is(body string) answer {
	a.t.Helper()
	if a.body != body {
		a.t.Errorf("the body is\n%s, want\n%s", a.body, body)
	}
	return a
}

// lease returns the lease that an increment was answered.
func (a answer) lease() string {
	a.t.Helper()
	var body struct {
		LeaseID string `json:"lease_id"`
	}
	if err := json.Unmarshal([]byte(a.must(200).body), &body); err != nil || len(body.LeaseID) != 36 {
		a.t.Fatalf("no lease in %s: %v", a.body, err)
	}
	return body.LeaseID
}

// limit returns a limit as the state has it.
func (w *world) limit(name string) (l struct {
	occupied, waiting, denied int64
	implicit, active          bool
},
) {
	w.t.Helper()
	w.View(func(s *limit.State) {
		found, ok := s.Limit(name)
		if !ok {
			w.t.Fatalf("no limit %q", name)
		}
		l.occupied, l.waiting, l.denied = found.Occupied, found.Waiting, found.Denied
		l.implicit, l.active = found.Implicit, found.Settings.Active
	})
	return l
}

// leases returns how many there are.
func (w *world) leases() (n int) {
	w.View(func(s *limit.State) {
		list, _ := s.Leases(limit.LeaseFilter{}, 0, 100)
		n = len(list)
	})
	return n
}
