package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inTrio runs test in a cluster of three, in a bubble of fake time.
func inTrio(t *testing.T, test func(t *testing.T, c *trio)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := startTrio(t)
		test(t, c)
		for _, n := range c.nodes {
			_ = n.Close()
			_ = n.Close()
		}
	})
}

// run runs an acquire on a node, within a second.
func (c *trio) run(node, id string, hold time.Duration) (fsm.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), hold+time.Second)
	defer cancel()
	return c.nodes[node].Run(ctx, acquire(id), hold)
}

func wantGrant(t *testing.T, a fsm.Answer, err error) *command.Granted {
	t.Helper()
	g, ok := a.Result.(*command.Granted)
	if err != nil || !ok {
		t.Fatalf("got %+v, %v; want a grant", a.Result, err)
	}
	return g
}

func TestRunOnEveryNode(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		for _, node := range []string{"n1", "n2", "n3"} {
			a, err := c.run(node, "id-"+node, 0)
			wantGrant(t, a, err)
			if a.Index != 7 || a.Time != 8 {
				t.Errorf("the answer is at %d, %d", a.Index, a.Time)
			}
		}
		if c.net.dialled("at-n1") != 2 || c.net.dialled("at-n2") != 0 {
			t.Errorf("%v connections, want one a follower", c.net.dials)
		}
	})
}

func TestRunSharesOneConnection(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		var wait sync.WaitGroup
		for i := range 200 {
			wait.Go(func() {
				a, err := c.run("n2", fmt.Sprint("id-", i), 0)
				if g := wantGrant(t, a, err); g.ID != fmt.Sprint("id-", i) {
					t.Errorf("call %d got the answer of %s", i, g.ID)
				}
			})
		}
		wait.Wait()
		if c.net.dialled("at-n1") != 1 {
			t.Errorf("%d connections for one follower", c.net.dialled("at-n1"))
		}
	})
}

// A long wait holds nobody else up.
func TestWaitDoesNotBlockOthers(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			a, err := c.run("n2", "w1", time.Minute)
			wantGrant(t, a, err)
		}()
		synctest.Wait()
		a, err := c.run("n2", "id", 0)
		wantGrant(t, a, err)
		c.log.grant("w1")
		<-done
	})
}

func TestHoldEndsInWaiting(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		begun := time.Now()
		a, err := c.run("n2", "w1", 20*time.Second)
		if _, ok := a.Result.(*command.Waiting); !ok || err != nil || time.Since(begun) != 20*time.Second {
			t.Fatalf("got %+v, %v after %v", a.Result, err, time.Since(begun))
		}
	})
}

// The leader changes while calls are under way: the same id goes to the new
// leader, at once, and has one effect.
func TestLeaderChangeMidCall(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		stuck := make(chan struct{})
		c.replicas["n1"].set(nil, func(string) error { <-stuck; return nil }) // applied, never answered
		var wait sync.WaitGroup
		begun := time.Now()
		for i := range 50 {
			wait.Go(func() {
				a, err := c.run("n2", fmt.Sprint("id-", i), 0)
				wantGrant(t, a, err)
			})
		}
		synctest.Wait()
		c.log.setLeader("n3")
		wait.Wait()
		if took := time.Since(begun); took > 0 {
			t.Errorf("calls took %v over a change of leadership", took)
		}
		close(stuck)
		for i := range 50 {
			if n := c.log.effectsOf(fmt.Sprint("id-", i)); n != 1 {
				t.Errorf("id-%d had %d effects", i, n)
			}
		}
	})
}

func TestLeaderChangeToThisNode(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			a, err := c.run("n2", "w1", time.Minute)
			wantGrant(t, a, err)
		}()
		synctest.Wait()
		c.log.setLeader("n2")
		synctest.Wait()
		if c.replicas["n1"].openCalls() != 0 || c.replicas["n2"].openCalls() != 1 {
			t.Errorf("open calls: %d at the old leader, %d at the new one", c.replicas["n1"].openCalls(), c.replicas["n2"].openCalls())
		}
		c.log.grant("w1")
		<-done
	})
}

// What is left of hold goes to the new leader, not hold again.
func TestHoldIsNotStartedAgain(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			begun := time.Now()
			a, err := c.run("n2", "w1", time.Minute)
			if _, ok := a.Result.(*command.Waiting); !ok || err != nil || time.Since(begun) != time.Minute {
				t.Errorf("got %+v, %v after %v", a.Result, err, time.Since(begun))
			}
		}()
		<-time.After(40 * time.Second)
		c.log.setLeader("n3")
		<-done
		if got := c.replicas["n3"].holds; len(got) != 1 || got[0] != 20*time.Second {
			t.Errorf("the new leader was asked to hold for %v", got)
		}
	})
}

// The leader dies without a word, and no other is elected: the link is given
// up after a second; when the leader is back, the call goes on.
func TestSilentLeader(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		a, err := c.run("n2", "id-0", 0)
		wantGrant(t, a, err)
		c.net.setDark("at-n1", true)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a, err := c.nodes["n2"].Run(ctx, acquire("id-1"), 0)
			wantGrant(t, a, err)
		}()
		<-time.After(3 * time.Second)
		c.net.setDark("at-n1", false)
		<-done
		if took := time.Since(begun); took > 4100*time.Millisecond {
			t.Errorf("the call took %v", took)
		}
	})
}

// As above, but another leader is elected after half a second: nobody waits
// for the dead link to be noticed.
func TestDeadLeaderDoesNotHoldCallers(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		a, err := c.run("n2", "id-0", 0)
		wantGrant(t, a, err)
		c.net.setDark("at-n1", true)
		begun := time.Now()
		time.AfterFunc(500*time.Millisecond, func() { c.log.setLeader("n3") })
		a, err = c.run("n2", "id-1", 0)
		wantGrant(t, a, err)
		if took := time.Since(begun); took != 500*time.Millisecond {
			t.Errorf("the call took %v, the election 500ms", took)
		}
	})
}

// The hop breaks after the record was applied: the same id is asked again and
// the effect stays one.
func TestBrokenHopAfterSend(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		once := true
		c.replicas["n1"].set(nil, func(string) error {
			if once {
				once = false
				c.net.breakAll("at-n1")
			}
			return nil
		})
		a, err := c.run("n2", "id", 0)
		if g := wantGrant(t, a, err); !g.Replayed {
			t.Errorf("the grant is %+v; want the replay", g)
		}
		if n := c.log.effectsOf("id"); n != 1 {
			t.Errorf("%d effects", n)
		}
	})
}

func TestOutcomes(t *testing.T) {
	unknown := fmt.Errorf("%w: leadership lost", cluster.ErrOutcomeUnknown)
	for name, test := range map[string]struct {
		before, after func(string) error
		leader        string
		want          error
	}{
		"no leader":                {leader: "", want: ErrNoLeader},
		"a leader that is not":     {before: func(string) error { return cluster.ErrNotLeader }, leader: "n1", want: ErrNoLeader},
		"a leader that closes":     {before: func(string) error { return cluster.ErrShutdown }, leader: "n1", want: ErrNoLeader},
		"a leader nobody knows":    {leader: "n9", want: ErrNoLeader},
		"proposed, fate unknown":   {before: func(string) error { return unknown }, leader: "n1", want: ErrOutcomeUnknown},
		"applied, never answered":  {after: func(string) error { return unknown }, leader: "n1", want: ErrOutcomeUnknown},
		"an error nobody foresaw":  {before: func(string) error { return errors.New("what") }, leader: "n1", want: ErrOutcomeUnknown},
		"refused for good":         {before: func(string) error { return cluster.ErrTooBig }, leader: "n1", want: cluster.ErrTooBig},
		"a leader that is swamped": {before: func(string) error { return ErrOverloaded }, leader: "n1", want: ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			for _, node := range []string{"n1", "n2"} { // at the leader, and over the hop
				inTrio(t, func(t *testing.T, c *trio) {
					c.log.setLeader(test.leader)
					synctest.Wait()
					c.replicas["n1"].set(test.before, test.after)
					begun := time.Now()
					_, err := c.run(node, "id", 0)
					if !errors.Is(err, test.want) {
						t.Fatalf("on %s: got %v, want %v", node, err, test.want)
					}
					if test.want == ErrNoLeader && errors.Is(err, ErrOutcomeUnknown) {
						t.Errorf("%v says both", err)
					}
					if waits := time.Since(begun) == time.Second; waits != (test.want == ErrNoLeader || test.want == ErrOutcomeUnknown) {
						t.Errorf("on %s: gave up after %v", node, time.Since(begun))
					}
					if runs := c.replicas["n1"].runs; runs > 60 {
						t.Errorf("on %s: %d tries within a second", node, runs)
					}
				})
			}
		})
	}
}

// Once a try may have been proposed, nothing short of an answer makes the
// outcome certain.
func TestUnknownStaysUnknown(t *testing.T) {
	for name, then := range map[string]error{"no leader": cluster.ErrNotLeader, "swamped": ErrOverloaded, "refused": cluster.ErrTooBig} {
		t.Run(name, func(t *testing.T) {
			inTrio(t, func(t *testing.T, c *trio) {
				first := true
				c.replicas["n1"].set(func(string) error {
					if first {
						first = false
						return cluster.ErrOutcomeUnknown
					}
					return then
				}, nil)
				if _, err := c.run("n2", "id", 0); !errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestTooOldAfterATryIsNoAnswer(t *testing.T) {
	tooOld := fsm.Answer{Result: &command.Problem{Code: command.CodeTooOld}}
	if err := settles(tooOld, false); err != nil {
		t.Errorf("a first try that is too old: %v", err)
	}
	if err := settles(tooOld, true); err == nil || problemOf(err).fate != fateFinal {
		t.Errorf("too old after an earlier try: %v", err)
	}
	if err := settles(fsm.Answer{Result: &command.NotRun{}}, false); problemOf(err).fate != fateNone {
		t.Errorf("not run: %v", err)
	}
}

// A caller that hangs up ends the open call at the leader.
func TestCancelReachesTheLeader(t *testing.T) {
	for _, node := range []string{"n1", "n2"} {
		inTrio(t, func(t *testing.T, c *trio) {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, err := c.nodes[node].Run(ctx, acquire("w1"), time.Minute)
				if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrOutcomeUnknown) {
					t.Errorf("on %s: got %v", node, err)
				}
			}()
			synctest.Wait()
			if c.replicas["n1"].openCalls() != 1 {
				t.Fatal("the call is not open at the leader")
			}
			cancel()
			synctest.Wait()
			<-done
			if n := c.replicas["n1"].openCalls(); n != 0 {
				t.Errorf("on %s: %d calls are open at the leader after the caller hung up", node, n)
			}
		})
	}
}

func TestFollowerDiesAndTheLeaderDropsItsCalls(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan struct{})
		go func() { defer close(done); _, _ = c.nodes["n2"].Run(ctx, acquire("w1"), time.Hour) }()
		synctest.Wait()
		c.net.setDark("at-n1", true)
		<-time.After(2100 * time.Millisecond)
		if n := c.replicas["n1"].openCalls(); n != 0 {
			t.Errorf("%d calls of a node that is silent for 2s", n)
		}
		cancel()
		<-done
	})
}

// The calls of a broken connection end before those of the next one begin: no
// copy of a record can overtake another.
func TestNewConnectionWaitsForTheCallsOfTheLast(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		leave := make(chan struct{})
		var begun []time.Time
		first := true
		start := time.Now()
		c.replicas["n1"].set(func(string) error {
			begun = append(begun, time.Now())
			if first {
				first = false
				<-leave
			}
			return nil
		}, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a, err := c.run("n2", "id", 0)
			wantGrant(t, a, err)
		}()
		synctest.Wait()
		c.net.breakAll("at-n1")
		time.AfterFunc(300*time.Millisecond, func() { close(leave) })
		<-done
		if len(begun) != 2 || begun[1].Sub(start) < 300*time.Millisecond {
			t.Errorf("tries began at %v", begun)
		}
		if c.log.effectsOf("id") != 1 {
			t.Errorf("%d effects", c.log.effectsOf("id"))
		}
	})
}

func TestCloseEndsCalls(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		var wait sync.WaitGroup
		for _, node := range []string{"n1", "n2"} {
			wait.Go(func() {
				_, err := c.nodes[node].Run(context.Background(), acquire("w-"+node), time.Hour)
				t.Logf("%s: %v", node, err)
				if err == nil {
					t.Errorf("%s: a call outlived its node", node)
				}
			})
		}
		synctest.Wait()
		_ = c.nodes["n2"].Close()
		c.log.setLeader("")
		_ = c.nodes["n1"].Close()
		wait.Wait()
		if _, err := c.run("n2", "id", 0); !errors.Is(err, ErrClosed) {
			t.Errorf("a closed node says %v", err)
		}
	})
}

func TestTooLargeRecord(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		ids := make([]string, 10_000)
		for i := range ids {
			ids[i] = fmt.Sprintf("%064d", i)
		}
		_, err := c.nodes["n2"].Run(context.Background(), command.Command{Op: &command.Renew{IDs: ids}}, 0)
		if !errors.Is(err, cluster.ErrTooBig) {
			t.Errorf("got %v", err)
		}
	})
}

// A node that knows no cluster time yet asks for it before it accepts anything.
func TestAcceptedIsKnown(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		c.replicas["n2"].young = true
		a, err := c.run("n2", "id", 0)
		wantGrant(t, a, err)
		if got := c.replicas["n1"].stamps; len(got) != 1 || got[0] != 5e9 {
			t.Errorf("records were accepted at %v", got)
		}
	})
}

// A node that refuses connections is not dialled for each call anew.
func TestRefusedConnectionIsShared(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		c.log.setLeader("n9")
		var wait sync.WaitGroup
		for i := range 500 {
			wait.Go(func() { _, _ = c.run("n2", fmt.Sprint("id-", i), 0) })
		}
		wait.Wait()
		if n := c.net.dialled("at-n9"); n > 120 {
			t.Errorf("500 calls dialled %d times within a second", n)
		}
	})
}

// What came with rules that are not in force is refused here: the leader may be
// of a version that cannot read it.
func TestNewRecordsWaitForTheirRules(t *testing.T) {
	inTrio(t, func(t *testing.T, c *trio) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, node := range []string{"n1", "n2"} {
			a, err := c.nodes[node].Run(ctx, command.Command{Op: &command.EndQuarantine{}}, 0) // the fake state has no rules at all
			if p, ok := a.Result.(*command.Problem); err != nil || !ok || p.Code != command.CodeNotInForce {
				t.Errorf("%s: got %+v, %v", node, a.Result, err)
			}
		}
	})
}
