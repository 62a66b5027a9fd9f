package daemon

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/wire"
)

// memberConfig is one of several nodes, told of one other.
func memberConfig(name string, join ...string) config.Config {
	c := testConfig()
	c.Name, c.Cluster.BootstrapExpect, c.Cluster.RetryJoin = name, 3, join
	c.Raft = config.Default(name).Raft // those of agent -dev are too short for several nodes on a busy machine
	c.Autopilot.ServerStabilizationTime = 0
	return c
}

// startMember starts a node that may wait for others.
func startMember(t *testing.T, c config.Config) *Daemon {
	t.Helper()
	node, err := Start(t.Context(), c, testDeps(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(context.Background()); err != nil {
			t.Errorf("close %s: %v", c.Name, err)
		}
	})
	return node
}

// TestNodesFormJoinAndLeave forms a cluster of three, adds a fourth by the same
// configuration, and has it leave through the API.
func TestNodesFormJoinAndLeave(t *testing.T) {
	first := startMember(t, memberConfig("n1"))
	nodes := []*Daemon{first, startMember(t, memberConfig("n2", first.GossipAddress())), startMember(t, memberConfig("n3", first.GossipAddress()))}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range nodes {
		if err := n.WaitReady(ctx); err != nil {
			t.Fatalf("%s: %v", n.Name(), err)
		}
	}
	awaitVoters(ctx, t, first, "n1", "n2", "n3")
	fourth := startMember(t, memberConfig("n4", first.GossipAddress()))
	awaitVoters(ctx, t, first, "n1", "n2", "n3", "n4")
	if status, body := send(t, fourth, "POST", "/v1/cluster/leave", ""); status/100 != 2 {
		t.Fatalf("leave: %d %s", status, body)
	}
	awaitVoters(ctx, t, first, "n1", "n2", "n3")
}

// awaitVoters waits until node shows these voters, and nobody else.
func awaitVoters(ctx context.Context, t *testing.T, node *Daemon, names ...string) {
	t.Helper()
	var body string
	for ctx.Err() == nil {
		_, body = send(t, node, "GET", "/v1/cluster", "")
		var c wire.Cluster
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			t.Fatal(err)
		}
		voters := map[string]bool{}
		for _, n := range c.Nodes {
			voters[n.Name] = n.Role == wire.RoleVoter
		}
		all := len(voters) == len(names)
		for _, name := range names {
			all = all && voters[name]
		}
		if all {
			return
		}
		look, cancel := context.WithTimeout(ctx, lookEvery)
		<-look.Done()
		cancel()
	}
	t.Fatalf("the voters should be %v: %s", names, body)
}
