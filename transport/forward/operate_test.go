package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/limit"
)

func TestOrdersGoToTheLeader(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		ctx := context.Background()
		for _, role := range []cluster.Role{cluster.Voter, cluster.NonVoter} {
			if err := c.nodes["n2"].SetRole(ctx, "n3", role); err != nil {
				t.Fatal(err)
			}
		}
		report, err := c.nodes["n2"].Autopilot(ctx)
		if err != nil || report.Settings.MinQuorum != 3 || report.Members[0].Behind != 7 || report.Members[0].Name != "n1" {
			t.Fatalf("%+v %v", report, err)
		}
		if err := c.nodes["n2"].RemoveNode(ctx, "n3"); err != nil {
			t.Fatal(err)
		}
		if err := c.nodes["n2"].Transfer(ctx, "n3"); err != nil {
			t.Fatal(err)
		}
		if got := c.replicas["n1"].ordered; !slices.Equal(got, []string{"voter n3", "nonvoter n3", "autopilot", "remove n3", "transfer n3"}) {
			t.Errorf("the leader was asked to %q", got)
		}
		if err := c.nodes["n3"].Transfer(ctx, "n1"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRefusalsKeepTheirKind(t *testing.T) {
	for _, want := range []error{cluster.ErrNoSuchNode, cluster.ErrLastVoter, cluster.ErrTooFewVoters, cluster.ErrNoSuccessor, cluster.ErrSameName, cluster.ErrRole, ErrRefused} {
		for _, node := range []string{"n1", "n2"} {
			inTrio(t, func(t *testing.T, c *trio) {
				c.replicas["n1"].refuse = want
				if err := c.nodes[node].RemoveNode(context.Background(), "n3"); !errors.Is(err, want) {
					t.Errorf("on %s: got %v, want %v", node, err, want)
				}
			})
		}
	}
}

// TestARefusalIsSaidOnce: the words of the node that refused have the refusal in them.
func TestARefusalIsSaidOnce(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		c.replicas["n1"].refuse = fmt.Errorf("%w: without n3, 1 of 2 would answer", cluster.ErrTooFewVoters)
		err := c.nodes["n2"].RemoveNode(context.Background(), "n3")
		if !errors.Is(err, cluster.ErrTooFewVoters) || strings.Count(err.Error(), "too few voters") != 1 || !strings.Contains(err.Error(), "1 of 2") {
			t.Errorf("%v", err)
		}
	})
}

// A hand-over ends the old leader's calls, but not the one that asked for it.
func TestTransferIsAnswered(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			a, err := c.run("n2", "w1", time.Minute)
			wantGrant(t, a, err)
		}()
		synctest.Wait()
		if err := c.nodes["n2"].Transfer(context.Background(), "n3"); err != nil {
			t.Errorf("the transfer: %v", err)
		}
		c.log.grant("w1")
		<-done
	})
}

func TestRemovalThatAnEarlierTryDid(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		r := c.replicas["n1"]
		r.refuse = cluster.ErrOutcomeUnknown
		time.AfterFunc(100*time.Millisecond, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.refuse = cluster.ErrNoSuchNode
		})
		if err := c.nodes["n2"].RemoveNode(context.Background(), "n3"); err != nil {
			t.Error(err)
		}
	})
}

func TestDigestAndStatusOfAnyNode(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		ctx := context.Background()
		for _, id := range []string{"n1", "n2", "n3"} {
			node := cluster.Node{ID: id, Peer: "at-" + id}
			sum, ok, err := c.nodes["n2"].Digest(ctx, node, 9)
			if err != nil || !ok || sum[0] != 9 {
				t.Errorf("digest of %s: %x %v %v", id, sum, ok, err)
			}
			if _, ok, err := c.nodes["n2"].Digest(ctx, node, 404); err != nil || ok {
				t.Errorf("a digest that %s lacks: %v %v", id, ok, err)
			}
			s, err := c.nodes["n2"].Status(ctx, node)
			if err != nil || s.Version != "v-"+id {
				t.Errorf("status of %s: %+v %v", id, s, err)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		digests, missing := c.nodes["n2"].Digests(ctx, []cluster.Node{
			{ID: "n1", Name: "one", Peer: "at-n1"}, {ID: "n2", Name: "two"}, {ID: "n9", Name: "nine", Peer: "at-n9"},
		}, 5)
		if len(digests) != 2 || digests["one"] != digests["two"] || !slices.Equal(missing, []string{"nine"}) {
			t.Errorf("digests %v, missing %q", digests, missing)
		}
		if _, err := c.nodes["n2"].Status(ctx, cluster.Node{ID: "n9", Peer: "at-n9"}); err == nil {
			t.Error("a node that is not there told its status")
		}
	})
}

func TestRestore(t *testing.T) {
	snapshot := bytes.Repeat([]byte("limits and leases "), 10_000)
	for _, node := range []string{"n1", "n2"} {
		inTrio(t, func(t *testing.T, c *trio) {
			if err := c.nodes[node].Restore(context.Background(), bytes.NewReader(snapshot), time.Minute); err != nil {
				t.Fatalf("on %s: %v", node, err)
			}
			if !bytes.Equal(c.replicas["n1"].got, snapshot) {
				t.Errorf("on %s: the leader got %d bytes of %d", node, len(c.replicas["n1"].got), len(snapshot))
			}
			if got := c.replicas["n1"].longest; got != time.Minute {
				t.Errorf("on %s: the leader heard of leases of %v", node, got)
			}
			a, err := c.run("n2", "id", 0) // the calls' connection is another one
			wantGrant(t, a, err)
		})
	}
}

func TestRestoreThatFails(t *testing.T) {
	snapshot := bytes.Repeat([]byte("x"), 300_000)
	cut := func() io.Reader {
		return io.MultiReader(bytes.NewReader(snapshot), iotest.ErrReader(errors.New("no more")))
	}
	whole := func() io.Reader { return bytes.NewReader(snapshot) }
	for name, test := range map[string]struct {
		from   func() io.Reader
		leader string
		refuse error
		want   error
	}{
		"the reader fails":   {cut, "n1", nil, ErrRefused},
		"the leader refuses": {whole, "n1", ErrRefused, ErrRefused},
		"a damaged one":      {whole, "n1", fmt.Errorf("read the backup: %w", limit.ErrDamaged), limit.ErrDamaged},
		"a newer one":        {whole, "n1", limit.ErrNewer, limit.ErrNewer},
		"an older member":    {whole, "n1", cluster.ErrRulesBehind, cluster.ErrRulesBehind},
		"no leader":          {whole, "", nil, ErrNoLeader},
		"not the leader":     {whole, "n1", cluster.ErrNotLeader, ErrNoLeader},
		"fate unknown":       {whole, "n1", cluster.ErrOutcomeUnknown, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, c *trio) {
				c.log.setLeader(test.leader)
				synctest.Wait()
				c.replicas["n1"].refuse = test.refuse
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				if err := c.nodes["n2"].Restore(ctx, test.from(), 0); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			})
		})
	}
}
