package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/forward"
	"github.com/limitd/limitd/transport/wire"
	"go.uber.org/goleak"
)

// testConfig is a node in memory on free ports.
func testConfig() config.Config {
	c := config.Dev()
	c.HTTP.Address, c.Peer.Address, c.Gossip.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	return c
}

func testDeps(t *testing.T) Deps {
	t.Helper()
	return Deps{Logger: hclog.NewNullLogger(), Version: "test", Fatal: func(err error) { t.Errorf("fatal: %v", err) }}
}

// start starts a node that ends with the test, and waits until it is ready.
func start(t *testing.T, c config.Config) *Daemon {
	t.Helper()
	return startWith(t, c, testDeps(t))
}

// startWith is start with dependencies of the test's own.
func startWith(t *testing.T, c config.Config, deps Deps) *Daemon {
	t.Helper()
	node, err := Start(t.Context(), c, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return node
}

func send(t *testing.T, node *Daemon, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+node.HTTPAddress()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", wire.TypeJSON)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestOneNodeFromStartToClose(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c := testConfig()
	c.Limit = []config.Limit{{Name: "db", Slots: 1, Active: true, Rate: "0/s", Enforcement: "enforce"}}
	node, err := Start(t.Context(), c, testDeps(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	// The seeded limit may be a moment away: an acquire of a missing one is asked again.
	status, body := 0, ""
	for status != http.StatusOK && ctx.Err() == nil {
		status, body = send(t, node, "POST", "/v1/acquire", `{"limits":[{"name":"db"}]}`)
	}
	if !strings.Contains(body, `"granted":true`) {
		t.Errorf("acquire: %d %s", status, body)
	}
	if status, body := send(t, node, "GET", "/metrics", ""); status != 200 || !strings.Contains(body, "limitd_cluster_is_leader 1") || !strings.Contains(body, `limitd_build_info{version="test"} 1`) {
		t.Errorf("metrics: %d %s", status, body)
	}
	if status, body := send(t, node, "GET", "/v1/cluster", ""); status != 200 || !strings.Contains(body, `"leader":"dev"`) {
		t.Errorf("cluster: %d %s", status, body)
	}
	for range 2 {
		if err := node.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// TestCloseSendsWaitersElsewhere closes a node while a call waits for a slot.
func TestCloseSendsWaitersElsewhere(t *testing.T) {
	node := start(t, testConfig())
	send(t, node, "PUT", "/v1/limits/db", `{"slots":0}`)
	send(t, node, "PATCH", "/v1/limits/db", `{"slots":1}`)
	send(t, node, "POST", "/v1/acquire", `{"limits":[{"name":"db"}]}`)
	type answer struct {
		status int
		body   string
	}
	waiting := make(chan answer, 1)
	go func() {
		status, body := send(t, node, "POST", "/v1/acquire", `{"id":"patient","limits":[{"name":"db"}],"wait":"1m"}`)
		waiting <- answer{status, body}
	}()
	for {
		if _, body := send(t, node, "GET", "/v1/limits/db/queue", ""); strings.Contains(body, "patient") {
			break
		}
	}
	if err := node.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if a := <-waiting; a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, string(wire.CodeShuttingDown)) {
		t.Errorf("the waiting call got %d %s", a.status, a.body)
	}
}

// TestDataSurvivesARestart starts a node twice on one folder.
func TestDataSurvivesARestart(t *testing.T) {
	for _, store := range []string{"boltdb", "wal"} {
		t.Run(store, func(t *testing.T) {
			c := testConfig()
			c.Memory, c.DataDir, c.Raft.LogStore = false, t.TempDir(), store
			c.Raft.HeartbeatTimeout, c.Raft.ElectionTimeout = 250*time.Millisecond, 250*time.Millisecond
			first := start(t, c)
			if status, body := send(t, first, "PUT", "/v1/limits/db", `{"slots":3}`); status != http.StatusCreated {
				t.Fatalf("make a limit: %d %s", status, body)
			}
			c.Peer.Address, c.Gossip.Address = first.sockets.peerAt, first.GossipAddress()
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := start(t, c)
			if status, body := send(t, second, "GET", "/v1/limits/db", ""); status != 200 || !strings.Contains(body, `"slots":3`) {
				t.Errorf("after the restart: %d %s", status, body)
			}
		})
	}
}

// TestAPortThatIsTaken stops the start before anything is written.
func TestAPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := testConfig()
	c.Memory, c.DataDir, c.Peer.Address = false, t.TempDir()+"/data", taken.Addr().String()
	_, err = Start(t.Context(), c, testDeps(t))
	if err == nil || !strings.Contains(err.Error(), "peer.address") {
		t.Errorf("start on a taken port: %v", err)
	}
	// What the failed start had opened is closed: the same port can be had again.
	c.Peer.Address = "127.0.0.1:0"
	start(t, c)
}

func TestDepsAreRequired(t *testing.T) {
	if _, err := Start(t.Context(), testConfig(), Deps{}); err == nil {
		t.Error("a node started without a logger")
	}
}

// TestEveryStepSaysWhy keeps the lists of order.go readable.
func TestEveryStepSaysWhy(t *testing.T) {
	d := &Daemon{}
	for _, s := range append(d.startOrder(), d.stopOrder()...) {
		if s.name == "" || len(s.why) < 20 || s.do == nil {
			t.Errorf("the step %q lacks its reason", s.name)
		}
	}
}

func TestErrorsGetTheirCode(t *testing.T) {
	for _, test := range []struct {
		err  error
		want wire.Code
	}{
		{forward.ErrNoLeader, wire.CodeNoLeader},
		{errors.Join(forward.ErrOutcomeUnknown, cluster.ErrNotLeader), wire.CodeOutcomeUnknown},
		{errors.Join(cluster.ErrOutcomeUnknown, context.Canceled), wire.CodeOutcomeUnknown},
		{cluster.ErrShutdown, wire.CodeShuttingDown},
		{cluster.ErrLastVoter, wire.CodeMembershipRefused},
		{cluster.ErrTooFewVoters, wire.CodeMembershipRefused},
		{context.Canceled, ""},
		{io.EOF, ""},
	} {
		if got := classify(test.err); got != test.want {
			t.Errorf("%v: code %q, want %q", test.err, got, test.want)
		}
	}
}

func TestAdvertisedAddresses(t *testing.T) {
	bound := &net.TCPAddr{IP: net.IPv4zero, Port: 7480}
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7480}
	for _, test := range []struct {
		endpoint config.Endpoint
		bound    net.Addr
		host     string
		want     string
	}{
		{config.Endpoint{Address: "127.0.0.1:0"}, loopback, "", "127.0.0.1:7480"},
		{config.Endpoint{Address: "localhost:0"}, loopback, "", "localhost:7480"},
		{config.Endpoint{Address: "0.0.0.0:7480", Advertise: "n1:80"}, bound, "x", "n1:80"},
		{config.Endpoint{Address: ":7480"}, bound, "n1", "n1:7480"},
	} {
		if got := advertised(test.endpoint, test.bound, test.host); got != test.want {
			t.Errorf("%+v: %s, want %s", test.endpoint, got, test.want)
		}
	}
}
