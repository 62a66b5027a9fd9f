package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// TestAWaitIsHeldAsLongAsAsked, then answers with its place.
func TestAWaitIsHeldAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		granted(t, op(t, c, "a", acquire("db", 0), 0))
		for _, hold := range []time.Duration{0, 3 * time.Second} {
			start := time.Now()
			w, ok := op(t, c, "b", acquire("db", time.Hour), hold).Result.(*command.Waiting)
			if !ok || w.Position != 1 {
				t.Fatalf("not waiting at place 1: %#v", w)
			}
			if took := time.Since(start); took < hold || took > hold+10*time.Millisecond {
				t.Fatalf("held for %v, want %v", took, hold)
			}
		}
	})
}

// TestAskingAgainJoinsWithoutARecord.
func TestAskingAgainJoinsWithoutARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		holder := granted(t, op(t, c, "a", acquire("db", 0), 0))
		op(t, c, "b", acquire("db", time.Minute), 0)
		var calls sync.WaitGroup
		tokens := make([]uint64, 3)
		for i := range tokens {
			calls.Go(func() { tokens[i] = granted(t, op(t, c, "b", acquire("db", time.Minute), time.Minute)).Token })
		}
		l := c.Leader().R()
		c.Eventually("three joined calls", func() bool { return l.Counters().Joined == 3 })
		if n := l.Gauges().OpenCalls; n != 1 {
			t.Fatalf("%d waits are open for one id", n)
		}
		op(t, c, "", &command.Release{Token: holder.Token}, 0)
		calls.Wait()
		if tokens[0] == 0 || tokens[1] != tokens[0] || tokens[2] != tokens[0] {
			t.Fatalf("one id got the tokens %v", tokens)
		}
	})
}

// TestInterestLastsAsLongAsACallIsOpen: an open call keeps its place for ever,
// through a failover too; 15 to 20 s after it hangs up the place lapses.
func TestInterestLastsAsLongAsACallIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		a := acquire("db", 0)
		a.TTL = 3600 * second
		granted(t, op(t, c, "a", a, 0))
		ctx, hangUp := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := c.Run(ctx, command.Command{Header: command.Header{ID: "b"}, Op: acquire("db", time.Hour)}, time.Hour)
			ended <- err
		}()
		sleep(t, time.Minute)
		c.Kill(c.Leader())
		sleep(t, time.Minute)
		if n := waiting(c.Leader(), "db"); n != 1 {
			t.Fatalf("%d places in the queue after two minutes, want 1", n)
		}
		hangUp()
		if err := <-ended; !errors.Is(err, cluster.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
			t.Fatalf("a call that was hung up ended with %v", err)
		}
		sleep(t, 14*time.Second)
		if n := waiting(c.Leader(), "db"); n != 1 {
			t.Fatal("the place lapsed before its linger was over")
		}
		sleep(t, 7*time.Second)
		if n := waiting(c.Leader(), "db"); n != 0 {
			t.Fatal("the place outlived its last call")
		}
	})
}

// TestAPlaceOutlivesItsLastCall by its linger, whenever the call ends: it hangs
// up, or its hold is over.
func TestAPlaceOutlivesItsLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		a := acquire("db", 0)
		a.TTL = 24 * 3600 * second
		granted(t, op(t, c, "a", a, 0))
		sleep(t, 20*time.Second)
		for i, linger := range []time.Duration{time.Second, 3 * time.Second, 8 * time.Second, 15 * time.Second} {
			for step := range 6 {
				w := acquire("db", time.Hour)
				w.Linger = int64(linger)
				open := time.Duration(step)*900*time.Millisecond + 100*time.Millisecond
				now, _ := c.Leader().R().Now()
				h := command.Header{ID: fmt.Sprintf("w%d-%d", i, step), Accepted: now}
				got, err := c.Run(t.Context(), command.Command{Header: h, Op: w}, open)
				if _, waits := got.Result.(*command.Waiting); !waits || err != nil {
					t.Fatalf("with a linger of %v, open for %v: %#v, %v", linger, open, got.Result, err)
				}
				sleep(t, linger-10*time.Millisecond)
				if waiting(c.Leader(), "db") != 1 {
					t.Errorf("open for %v, a place lapsed before its linger of %v was over", open, linger)
				}
				sleep(t, 6*time.Second)
				if waiting(c.Leader(), "db") != 0 {
					t.Errorf("open for %v, a place outlived its linger of %v", open, linger)
				}
			}
		}
	})
}

// TestReadsShareRecords: a thousand reads at one moment cost two records.
func TestReadsShareRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		l, f := c.Leader().R(), c.Followers()[0].R()
		sleep(t, time.Second)
		before := l.Counters().Reads
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				index, err := l.ReadIndex(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if err := f.AwaitApplied(t.Context(), index); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := l.Counters().Reads - before; n > 2 {
			t.Fatalf("%d records for reads of one moment", n)
		}
	})
}

// TestAReadSeesWhatWasAnsweredBefore, on whichever node.
func TestAReadSeesWhatWasAnsweredBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		for slots := range int64(20) {
			op(t, c, "", &command.UpdateLimit{Name: "db", Slots: &slots}, 0)
			for _, n := range c.Nodes() {
				index, err := c.Leader().R().ReadIndex(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := n.R().AwaitApplied(t.Context(), index); err != nil {
					t.Fatal(err)
				}
				n.R().View(func(s *limit.State) {
					if l, _ := s.Limit("db"); l.Settings.Slots != slots {
						t.Fatalf("%s shows %d slots, want %d", n.Name, l.Settings.Slots, slots)
					}
				})
			}
		}
	})
}

func TestAFollowerSaysWhoLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		l, f := c.Leader(), c.Followers()[0]
		record := command.Encode(command.Command{Op: &command.Read{}})
		if _, err := f.R().Run(t.Context(), record, 0); !errors.Is(err, cluster.ErrNotLeader) {
			t.Fatalf("a record at a follower: %v", err)
		}
		if n, ok := f.R().Leader(); !ok || n.Name != l.Name || n.Peer != string(l.Addr) {
			t.Fatalf("the follower names %+v", n)
		}
		for _, n := range c.Nodes() {
			c.Eventually("a bound of cluster time", func() bool { _, ok := n.R().Now(); return ok })
		}
	})
}

func TestTheDigestsAreEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 3)
		granted(t, op(t, c, "a", acquire("db", 0), 0))
		index := op(t, c, "", &command.Verify{}, 0).Index
		var sums [][32]byte
		for _, n := range c.Nodes() {
			sum, ok, err := n.R().Digest(t.Context(), index)
			if err != nil || !ok {
				t.Fatalf("%s: %v %v", n.Name, ok, err)
			}
			sums = append(sums, sum)
		}
		if sums[0] != sums[1] || sums[1] != sums[2] {
			t.Fatalf("the digests differ: %x", sums)
		}
	})
}

func TestARecordThatIsTooBigIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		if _, err := c.Leader().R().Run(t.Context(), make([]byte, command.MaxSize+1), 0); !errors.Is(err, cluster.ErrTooBig) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestAnIDIsNotReusedForOtherContent while it waits.
func TestAnIDIsNotReusedForOtherContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		limitOf(t, c, "other", 1)
		granted(t, op(t, c, "a", acquire("db", 0), 0))
		op(t, c, "b", acquire("db", time.Minute), 0)
		p, refused := op(t, c, "b", acquire("other", time.Minute), time.Minute).Result.(*command.Problem)
		if !refused || p.Code != command.CodeIDReused {
			t.Fatalf("got %#v", p)
		}
	})
}
