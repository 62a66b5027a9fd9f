package devcluster

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"go.uber.org/goleak"
)

// noLeak returns what looks for goroutines that are left. A probe of memberlist
// ends by its own timeout, soon after its Shutdown.
func noLeak(t *testing.T) func() {
	t.Helper()
	before := goleak.IgnoreCurrent()
	probe := goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probeNode")
	return func() { goleak.VerifyNone(t, before, probe) }
}

// common is the configuration of count nodes on free ports.
func common(count int) config.Config {
	c := config.DevCluster(count)
	c.HTTP.Address, c.Peer.Address, c.Gossip.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	return c
}

// start starts three nodes, which end with the test, and waits until they serve.
func start(ctx context.Context, t *testing.T) *Cluster {
	t.Helper()
	plan, err := Plan(common(3), 3, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(ctx, plan, Options{
		Logger: hclog.NewNullLogger(), Version: "test",
		Fatal: func(err error) { t.Errorf("fatal: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := c.Close(context.Background()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})
	await(ctx, t, c)
	return c
}

func await(ctx context.Context, t *testing.T, c *Cluster) {
	t.Helper()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// leader waits until one node leads, and returns its name and a base URL of
// another that runs.
func leader(ctx context.Context, t *testing.T, c *Cluster) (name, other string) {
	t.Helper()
	for ctx.Err() == nil {
		name, other = "", ""
		for _, n := range c.Nodes() {
			switch {
			case n.Leader:
				name = n.Name
			case n.Runs:
				other = "http://" + n.HTTP
			}
		}
		if name != "" {
			return name, other
		}
	}
	t.Fatalf("nobody leads: %+v", c.Nodes())
	return "", ""
}

// say gives the console one line and returns its answer.
func say(c *Cluster, line string) string {
	var out strings.Builder
	c.Console(strings.NewReader("\n"+line+"\n"), &out)
	return out.String()
}

// TestTheOthersElect kills the leader, stops the next, and brings them back, by
// the console; a limit that was made before outlives it all.
func TestTheOthersElect(t *testing.T) {
	defer noLeak(t)()
	t.Run("cluster", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c := start(ctx, t)
		first, base := leader(ctx, t, c)
		put(ctx, t, base+"/v1/limits/db")

		if answer := say(c, "kill leader"); answer != "==> "+first+" is gone, without a word; \"start "+first+"\" brings it back.\n" {
			t.Errorf("kill: %s", answer)
		}
		second, base := leader(ctx, t, c)
		if second == first {
			t.Errorf("%s leads although it was killed", first)
		}
		get(ctx, t, base+"/v1/limits/db")
		if answer := say(c, "kill "+first); !strings.Contains(answer, first+" does not run") {
			t.Errorf("kill again: %s", answer)
		}
		if answer := say(c, "start "+first); answer != "==> "+first+" runs.\n" {
			t.Errorf("start: %s", answer)
		}
		await(ctx, t, c)

		if answer := say(c, "stop "+second); !strings.Contains(answer, second+" has stopped, and handed over") {
			t.Errorf("stop: %s", answer)
		}
		if answer := say(c, "nodes"); !strings.Contains(answer, second+" (127.0.0.1:") || !strings.Contains(answer, ") is down") {
			t.Errorf("nodes: %s", answer)
		}
		_, base = leader(ctx, t, c)
		get(ctx, t, base+"/v1/limits/db")
		if answer := say(c, "start "+second); answer != "==> "+second+" runs.\n" {
			t.Errorf("start: %s", answer)
		}
		await(ctx, t, c)
	})
}

// client keeps no connection, so that none outlives its test.
func client() *http.Client { return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} }

func put(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(`{"slots":1}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answered(t, request, http.StatusCreated)
}

func get(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, request, http.StatusOK)
}

func answered(t *testing.T, request *http.Request, status int) {
	t.Helper()
	response, err := client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != status {
		t.Fatalf("%s %s: %s %s %v", request.Method, request.URL, response.Status, body, err)
	}
}

func TestConsoleNamesTheMend(t *testing.T) {
	c := &Cluster{nodes: []*node{{cfg: config.Config{Name: "n1"}}, {cfg: config.Config{Name: "n2"}}}}
	for line, want := range map[string]string{
		"stop n7":      "no such node: \"n7\"; the nodes are n1, n2",
		"stop n1":      "nothing to do: n1 does not run",
		"kill leader":  "nothing to do: nobody leads now",
		"reboot":       "unknown command \"reboot\"; there are: " + ConsoleHelp,
		"start leader": "nothing to do: nobody leads now",
	} {
		if got := say(c, line); got != "==> "+want+"\n" {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// TestAFailedStartLeavesNothing has the second node meet the port of the first.
func TestAFailedStartLeavesNothing(t *testing.T) {
	defer noLeak(t)()
	plan, err := Plan(common(2), 2, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plan[1].DataDir = plan[0].DataDir // locked by the first
	c, err := Start(t.Context(), plan, Options{Logger: hclog.NewNullLogger(), Fatal: func(error) {}})
	if c != nil || err == nil || !strings.HasPrefix(err.Error(), "n2: ") {
		t.Errorf("two nodes in one folder: %v", err)
	}
}

func TestPlan(t *testing.T) {
	base := config.DevCluster(3)
	base.Gossip.Address = "127.0.0.1:0"
	plan, err := Plan(base, 3, "data")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range plan {
		got = append(got, c.Name, c.DataDir, c.HTTP.Address, c.Peer.Address, c.Gossip.Address)
		for _, p := range config.Validate(c) {
			t.Errorf("%s: %v", c.Name, p)
		}
	}
	want := "n1 data/n1 127.0.0.1:7480 127.0.0.1:7481 127.0.0.1:0 " +
		"n2 data/n2 127.0.0.1:7490 127.0.0.1:7491 127.0.0.1:0 " +
		"n3 data/n3 127.0.0.1:7500 127.0.0.1:7501 127.0.0.1:0"
	if strings.Join(got, " ") != want {
		t.Errorf("the plan is %v", got)
	}
}

func TestWhatCannotBeShared(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"leave cluster.bootstrap_expect out": func(c *config.Config) { c.Cluster.BootstrapExpect = 1 },
		"leave peer.advertise out":           func(c *config.Config) { c.Peer.Advertise = "10.0.0.1:7481" },
		"choose lower ones":                  func(c *config.Config) { c.HTTP.Address = "127.0.0.1:65530" },
		"not a number":                       func(c *config.Config) { c.HTTP.Address = "127.0.0.1:http" },
		"missing port":                       func(c *config.Config) { c.HTTP.Address = "localhost" },
	} {
		base := config.DevCluster(3)
		change(&base)
		if _, err := Plan(base, 3, "data"); !errors.Is(err, ErrPlan) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, count := range []int{1, 10} {
		if _, err := Plan(config.DevCluster(count), count, "data"); !errors.Is(err, ErrPlan) {
			t.Errorf("%d nodes: %v", count, err)
		}
	}
}
