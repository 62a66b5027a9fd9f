package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// dressMetrics has the nodes tell all that they can tell.
func dressMetrics(s *stage, cfg *nodes.Config) error {
	cfg.Extra += fmt.Sprintf(`log {
  level  = "debug"
  format = "json"
}
ops {
  address      = "127.0.0.1:0"
  limit_series = ["db"]
}
raft {
  snapshot_threshold = 16
  snapshot_interval  = "100ms"
}
snapshot { directory = "%s/scheduled" }
`, s.dir)
	return nil
}

// metrics has a cluster do a little of everything, and reads what it tells of
// that: every series that docs/metrics.md names, profiles for operators alone,
// the ids of a trace, and one JSON object a line in the logs.
func metrics(ctx context.Context, s *stage) error {
	o := &observed{stage: s}
	var err error
	if o.missing, o.all, err = documented(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{o.work, o.traced, o.look, o.unrest, o.series, o.profiles, o.logs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return atRest(ctx, s.cluster, "")
}

// observed is a cluster that is looked at.
type observed struct {
	*stage
	missing map[string]bool // series that were not there yet
	all     int             // that are documented
}

// work has each outcome of an acquire happen at each node, and a backup restored.
func (o *observed) work(ctx context.Context) error {
	for name, slots := range map[string]int64{"db": 1, "probe": 1000} {
		if err := putLimit(ctx, o.cluster.Nodes()[0], name, wire.LimitRequest{Slots: slots}); err != nil {
			return err
		}
	}
	for _, n := range o.cluster.Nodes() {
		for i := range 10 {
			if err := pairOf(ctx, n, "db", fmt.Sprintf("%s-%d", n.Name, i)); err != nil {
				return err
			}
		}
		if err := o.outcomes(ctx, n); err != nil {
			return err
		}
	}
	n := o.cluster.Nodes()[0]
	backup, err := n.Must(ctx, http.MethodGet, "/v1/snapshot", nil, nil)
	if err != nil {
		return err
	}
	return soon(ctx, func() error {
		a, err := n.Send(ctx, http.MethodPut, "/v1/snapshot?longest_ttl=0s", wire.TypeSnapshot, backup.Body)
		if err != nil || a.Status != http.StatusNoContent {
			return fmt.Errorf("restore: %d %s %w", a.Status, a.Body, err)
		}
		return nil
	})
}

// outcomes has acquires granted, denied, waiting and refused at a node, one of
// them of a client of Prefect's.
func (o *observed) outcomes(ctx context.Context, n *nodes.Node) error {
	var g wire.Grant
	if _, err := n.Must(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{Limits: []wire.Entry{{Name: "db", Slots: 1}}}, &g); err != nil {
		return err
	}
	zero := wire.Duration(0)
	for _, x := range []struct {
		path string
		body any
		want int
	}{
		{"/v1/acquire", wire.AcquireRequest{Limits: []wire.Entry{{Name: "db", Slots: 1}}}, http.StatusTooManyRequests},
		{"/v1/acquire", wire.AcquireRequest{Limits: []wire.Entry{{Name: "db", Slots: 1}}, Wait: wire.Duration(100 * time.Millisecond)}, http.StatusTooManyRequests},
		{"/v1/acquire", wire.AcquireRequest{ID: "waits-" + n.Name, Limits: []wire.Entry{{Name: "db", Slots: 1}}, Wait: wire.Duration(time.Minute), Hold: &zero}, http.StatusAccepted},
		{"/v1/cancel", wire.CancelRequest{ID: "waits-" + n.Name}, http.StatusOK},
		{"/v1/acquire", wire.AcquireRequest{Limits: []wire.Entry{{Name: "none", Slots: 1}}}, http.StatusNotFound},
		{"/v1/release", wire.ReleaseRequest{Token: g.Token}, http.StatusOK},
		{"/api/v2/concurrency_limits/increment", map[string]any{"names": []string{"db"}, "slots": 1, "mode": "concurrency"}, http.StatusOK},
		{"/api/v2/concurrency_limits/decrement", map[string]any{"names": []string{"db"}, "slots": 1, "occupancy_seconds": 1}, http.StatusOK},
	} {
		a, err := n.Call(ctx, http.MethodPost, x.path, x.body)
		if err != nil || a.Status != x.want {
			return fmt.Errorf("POST %s at %s: %d %s, not %d (%w)", x.path, n.Name, a.Status, a.Body, x.want, err)
		}
	}
	return nil
}

// traced calls every node with the ids of a trace: followers hand them on to the
// leader, and both log them.
func (o *observed) traced(ctx context.Context) error {
	leader, err := o.cluster.Leader(ctx)
	if err != nil {
		return err
	}
	for i, n := range o.cluster.Nodes() {
		id := fmt.Sprintf("%032x", 0xabc0+i)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL()+"/v1/release", strings.NewReader(`{"id":"nobody"}`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", wire.TypeJSON)
		req.Header.Set("Traceparent", "00-"+id+"-00f067aa0ba902b7-01")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		for _, teller := range []*nodes.Node{n, leader} {
			err := soon(ctx, func() error {
				if said(teller, id) == 0 {
					return fmt.Errorf("%s was called at %s in the trace %s, and does not log it", n.Name, teller.Name, id)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	fmt.Println("   the ids of a trace are logged by the node that was called and by the leader")
	return nil
}

// unrest has the leadership go round: each leader is killed and comes back.
func (o *observed) unrest(ctx context.Context) error {
	for turn := range 2 {
		leader, err := o.cluster.Leader(ctx)
		if err != nil {
			return err
		}
		o.cluster.Kill(leader)
		for _, n := range o.cluster.Nodes() {
			if n == leader {
				continue
			}
			if err := pair(ctx, n, fmt.Sprintf("unrest-%s-%d", n.Name, turn)); err != nil {
				return err
			}
		}
		if err := o.cluster.Restart(leader); err != nil {
			return err
		}
		if err := joined(ctx, leader); err != nil {
			return err
		}
	}
	return nil
}

// rare are series that a cluster of this kind does not show in so short a time.
func rare() map[string]string {
	return map[string]string{
		"limitd_certificate_not_after_seconds":        "TLS: the scene security",
		"limitd_certificate_reload_failing":           "TLS: the scene security",
		"limitd_memberlist_degraded_probe":            "a node that is slow itself",
		"limitd_memberlist_degraded_timeout":          "a node that is slow itself",
		"limitd_memberlist_queue_broadcasts":          "counted twice a minute",
		"limitd_memberlist_msg_suspect":               "a node that is silent for seconds",
		"limitd_memberlist_msg_dead":                  "a node that is silent for seconds",
		"limitd_raft_replication_installSnapshot":     "a follower that was away for longer than the log reaches back",
		"limitd_raft_transition_leader_lease_timeout": "a leader that is cut off",
		"limitd_raft_transition_heartbeat_timeout":    "a leader that is silent, and not dead",
	}
}

// documented reads the names in the tables of docs/metrics.md, but the rare ones.
func documented() (awaited map[string]bool, all int, err error) {
	page, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		return nil, 0, fmt.Errorf("run it in the root of the sources: %w", err)
	}
	awaited = map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_]+)(?:\\{[a-z_,]+\\})?` \\|").FindAllSubmatch(page, -1) {
		awaited[string(row[1])] = true
	}
	all = len(awaited)
	for name := range rare() {
		if !awaited[name] {
			return nil, 0, fmt.Errorf("docs/metrics.md lacks %s, which is said to be rare", name)
		}
		delete(awaited, name)
	}
	return awaited, all, nil
}

// look reads the metrics of all nodes, and takes what is there from what is missing.
func (o *observed) look(ctx context.Context) error {
	for _, n := range o.cluster.Nodes() {
		a, err := n.Must(ctx, http.MethodGet, "/metrics", nil, nil)
		if err != nil {
			return err
		}
		for _, family := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllSubmatch(a.Body, -1) {
			delete(o.missing, string(family[1]))
		}
	}
	return nil
}

// series looks until every series that is not rare was there.
func (o *observed) series(ctx context.Context) error {
	err := soon(ctx, func() error {
		if err := o.look(ctx); err != nil {
			return err
		}
		if len(o.missing) > 0 {
			return fmt.Errorf("no node shows %v", slices.Sorted(maps.Keys(o.missing)))
		}
		return nil
	})
	if err == nil {
		fmt.Printf("   %d of the %d documented series were there; the others are of TLS, of faults, or late\n", o.all-len(rare()), o.all)
	}
	return err
}

// profiles are at the address for operators, and nowhere else.
func (o *observed) profiles(ctx context.Context) error {
	for _, n := range o.cluster.Nodes() {
		a, err := n.Call(ctx, http.MethodGet, "/debug/pprof/", nil)
		if err != nil || a.Status != http.StatusNotFound {
			return fmt.Errorf("profiles at the address for callers of %s: %d %w", n.Name, a.Status, err)
		}
		address, err := opsAddress(n)
		if err != nil {
			return err
		}
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/metrics"} {
			resp, err := http.Get("http://" + address + path)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s of %s for operators: %s", path, n.Name, resp.Status)
			}
		}
	}
	fmt.Println("   profiles: at ops.address alone")
	return nil
}

// opsAddress returns where a node serves profiles, as its log says.
func opsAddress(n *nodes.Node) (address string, err error) {
	err = eachLine(n, func(line map[string]any) error {
		if line["@message"] == "serving profiles and metrics" {
			address, _ = line["address"].(string)
		}
		return nil
	})
	if err == nil && address == "" {
		err = fmt.Errorf("%s does not say where it serves profiles", n.Name)
	}
	return address, err
}

// logs checks that each line of each log is one JSON object with the keys that
// docs/operations.md names, and a time that goes on.
func (o *observed) logs(context.Context) error {
	lines := 0
	for _, n := range o.cluster.Nodes() {
		err := eachLine(n, func(line map[string]any) error {
			lines++
			for _, key := range []string{"@timestamp", "@level", "@message"} {
				if text, _ := line[key].(string); text == "" {
					return fmt.Errorf("it has no %s", key)
				}
			}
			_, err := time.Parse(time.RFC3339Nano, line["@timestamp"].(string))
			return err
		})
		if err != nil {
			return err
		}
	}
	fmt.Printf("   %d lines of log, each one JSON object\n", lines)
	return nil
}

// eachLine reads a node's log.
func eachLine(n *nodes.Node, take func(map[string]any) error) error {
	content, err := os.ReadFile(n.Log())
	if err != nil {
		return err
	}
	content = content[:bytes.LastIndexByte(content, '\n')+1] // the last one may be half written
	scan := bufio.NewScanner(bytes.NewReader(content))
	scan.Buffer(nil, len(content)+1)
	for scan.Scan() {
		var line map[string]any
		err := json.Unmarshal(scan.Bytes(), &line)
		if err == nil {
			err = take(line)
		}
		if err != nil {
			return fmt.Errorf("a line of the log of %s: %w: %s", n.Name, err, scan.Text())
		}
	}
	return errors.Join(scan.Err())
}
