package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// ends waits for the lease's context, and returns when it ended.
func ends(l *Lease) time.Time {
	<-l.Context().Done()
	return time.Now()
}

func stall(path string) func(string, string) (error, error) {
	return func(_, p string) (error, error) {
		if p == path {
			return errSilent, nil
		}
		return nil, nil
	}
}

// Without renewals the lease ends here at the instant before its first sending,
// plus TTL, less 1 % and 10 ms: before the cluster can grant again.
func TestLeaseEndsBeforeTheClusterCanGrantAgain(t *testing.T) {
	for name, fault := range map[string]func(string, string) (error, error){
		"nodes are silent": stall("/v1/renew"),
		"nodes are gone": func(_, p string) (error, error) {
			if p == "/v1/renew" {
				return errWire, nil
			}
			return nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
				f.setFault(fault)
				begun := time.Now()
				l := mustAcquire(t, c, db())
				if took := ends(l).Sub(begun); took != 19790*time.Millisecond {
					t.Errorf("the context ended after %v", took)
				}
				if !errors.Is(l.Err(), ErrLeaseLost) || f.held("db") != 1 {
					t.Errorf("%v; the cluster says %d slots are held", l.Err(), f.held("db"))
				}
				<-time.After(210 * time.Millisecond)
				if f.held("db") != 0 {
					t.Error("the fake's lease lives on")
				}
			})
		})
	}
}

// The answer to the acquire comes late, by a repetition: the lease counts from
// the first sending.
func TestLostAnswerCountsFromTheFirstSending(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		begun := time.Now()
		f.setFault(func(_, path string) (error, error) {
			if path == "/v1/renew" || time.Since(begun) > 5*time.Second {
				return nil, nil
			}
			return nil, errSilent
		})
		r := db()
		r.Manual = true
		l := mustAcquire(t, c, r)
		if l.Token() != 1 || !l.grant.Replayed {
			t.Errorf("got %+v", l.grant)
		}
		if took := ends(l).Sub(begun); took != 19790*time.Millisecond {
			t.Errorf("the context ended %v after the first sending", took)
		}
		_ = l.Release(context.Background())
	})
}

// What the acquire waited in the queue is not lost to the lease.
func TestWaitedCounts(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := mustAcquire(t, c, db())
		begun := time.Now()
		time.AfterFunc(15*time.Second, func() { _ = first.Release(context.Background()) })
		r := db()
		r.Wait, r.Manual = time.Minute, true
		l := mustAcquire(t, c, r)
		if took := ends(l).Sub(begun); took != 34640*time.Millisecond {
			t.Errorf("the context ended after %v", took)
		}
	})
}

// A clock that is a hundredth slow drifts over the wait as well as over the TTL.
func TestSlowClockOverAWait(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		slow := f.client(t, func(cfg *Config) {
			cfg.Clocks = func() Clocks {
				now := f.clocks()
				return Clocks{now[0] / 100 * 99, now[1] / 100 * 99}
			}
		})
		first := mustAcquire(t, c, db())
		time.AfterFunc(19*time.Second, func() { _ = first.Release(context.Background()) })
		r := db()
		r.Wait, r.Manual = time.Minute, true
		l := mustAcquire(t, slow, r)
		ends(l)
		if f.held("db") != 1 {
			t.Error("the cluster may grant again, and the lease has only just ended")
		}
		_ = slow.Close()
	})
}

// Grants that cannot be dated are renewed before they are believed.
func TestRenewedBeforeBelieved(t *testing.T) {
	renewals := func(f *fakeCluster) (n int) {
		for _, line := range f.requests() {
			if strings.Contains(line, "/v1/renew") {
				n++
			}
		}
		return n
	}
	t.Run("the program's own id", func(t *testing.T) {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			r := db()
			r.ID, r.Manual = "mine", true
			first := mustAcquire(t, c, r)
			<-time.After(15 * time.Second)
			second := mustAcquire(t, c, r) // as another process would
			if renewals(f) != 2 || first.Token() != second.Token() {
				t.Errorf("%d renewals, tokens %d and %d", renewals(f), first.Token(), second.Token())
			}
			begun := time.Now()
			if took := ends(second).Sub(begun); took != 19790*time.Millisecond {
				t.Errorf("the second lease ended after %v", took)
			}
		})
	})
	t.Run("waited longer than the TTL", func(t *testing.T) {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			long := db()
			long.TTL, long.Manual = time.Minute, true
			first := mustAcquire(t, c, long)
			time.AfterFunc(21*time.Second, func() { _ = first.Release(context.Background()) })
			r := db()
			r.Wait, r.Manual = time.Minute, true
			l := mustAcquire(t, c, r)
			begun := time.Now()
			if took := ends(l).Sub(begun); renewals(f) != 1 || took != 19790*time.Millisecond {
				t.Errorf("%d renewals, ended after %v", renewals(f), took)
			}
		})
	})
	t.Run("the end has passed", func(t *testing.T) {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			once := true
			f.setFault(func(_, path string) (error, error) {
				if path == "/v1/acquire" && once {
					once = false
					return nil, errSleep(f, 19900*time.Millisecond)
				}
				return nil, nil
			})
			l := mustAcquire(t, c, db())
			if renewals(f) != 1 || l.Err() != nil || f.held("db") != 1 {
				t.Errorf("%d renewals; the lease says %v", renewals(f), l.Err())
			}
		})
	})
	t.Run("gone meanwhile", func(t *testing.T) {
		withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
			var tries atomic.Int64 // of acquiring: the first id's cancel comes at any time
			f.setFault(func(_, path string) (error, error) {
				if path != "/v1/acquire" {
					return nil, nil
				}
				switch tries.Add(1) {
				case 1:
					return nil, errWire
				case 2:
					f.sleepMachine(40 * time.Second)
				}
				return nil, nil
			})
			l := mustAcquire(t, c, db()) // under another id
			if l.Token() != 2 || l.Err() != nil {
				t.Errorf("token %d: %v", l.Token(), l.Err())
			}
		})
	})
}

// errSleep is a machine that sleeps while the answer is on its way, and loses it.
func errSleep(f *fakeCluster, d time.Duration) error {
	f.sleepMachine(d)
	return errWire
}

func TestSleepingMachine(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		asked, told := mustAcquire(t, c, db()), make(chan time.Time, 1)
		go func() { told <- ends(asked) }()
		<-time.After(3 * time.Second)
		f.setFault(stall("/v1/renew"))
		f.sleepMachine(time.Minute)
		woke := time.Now()
		if asked.Context().Err() == nil || !errors.Is(asked.Err(), ErrLeaseLost) {
			t.Error("the lease does not notice that the machine slept")
		}
		if late := (<-told).Sub(woke); late > lookEvery {
			t.Errorf("Done was closed %v after the machine woke", late)
		}
	})
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db()) // nobody looks at it
		<-time.After(3 * time.Second)
		f.sleepMachine(time.Minute)
		woke := time.Now()
		if late := ends(l).Sub(woke); late > lookEvery {
			t.Errorf("Done was closed %v after the machine woke", late)
		}
	})
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		<-time.After(3 * time.Second)
		f.sleepMachine(10 * time.Second) // time for a renewal, and time left for it
		<-time.After(time.Minute)
		if l.Err() != nil {
			t.Errorf("a short sleep cost the lease: %v", l.Err())
		}
	})
}

func TestKeepAlive(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		f.forgetLog()
		<-time.After(time.Hour)
		if l.Err() != nil || f.held("db") != 1 {
			t.Fatalf("after an hour: %v", l.Err())
		}
		if n := len(f.requests()); n < 520 || n > 545 { // every TTL/3
			t.Errorf("%d renewals within an hour", n)
		}
		f.end(func(*fakeAcquire) bool { return true })
		begun := time.Now()
		if took := ends(l).Sub(begun); took > 7*time.Second || !errors.Is(l.Err(), ErrLeaseLost) {
			t.Errorf("the lease was forced; noticed after %v: %v", took, l.Err())
		}
	})
}

// Renewals that fail are repeated, until one succeeds.
func TestKeepAliveThroughFaults(t *testing.T) {
	for name, fault := range map[string]error{"cut": errWire, "silent": errSilent} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " after=", after), func(t *testing.T) {
				withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
					begun := time.Now()
					f.setFault(func(string, string) (error, error) {
						if s := time.Since(begun) % (20 * time.Second); s < 10*time.Second {
							return nil, nil // ten good seconds, ten bad ones
						}
						if after {
							return nil, fault
						}
						return fault, nil
					})
					l := mustAcquire(t, c, db())
					<-time.After(10 * time.Minute)
					if l.Err() != nil {
						t.Errorf("lost: %v", l.Err())
					}
				})
			})
		}
	}
}

// All leases of a client are renewed by one request, 10,000 in each.
func TestRenewalsAreBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases = 10_400
		f := newFakeCluster()
		f.slots["db"] = leases
		c := f.client(t, nil)
		f.mu.Lock() // made at once, to spare the test time
		for i := range leases {
			f.tokens++
			f.ids[fmt.Sprint(i)] = &fakeAcquire{limit: "db", slots: 1, ttl: 20 * time.Second, token: f.tokens, state: "granted", end: 20 * time.Second}
		}
		f.mu.Unlock()
		begun := f.clocks()
		var held []*Lease
		for i := range leases {
			l := &Lease{c: c, ttl: 20 * time.Second}
			l.grant.Token = uint64(i + 1)
			inner, cancel := context.WithCancelCause(context.Background())
			l.ctx, l.cancel = leaseContext{inner, l}, cancel
			if !c.keeper.keep(l, begun, safeSpan(l.ttl)) {
				t.Fatal("a fresh lease is not kept")
			}
			held = append(held, l)
		}
		<-time.After(21 * time.Second)
		want := []string{"n1:1 /v1/renew 10000 tokens", "n1:1 /v1/renew 400 tokens"}
		if got := f.requests(); len(got) != 6 || !slices.Equal(got[:2], want) {
			t.Errorf("the renewals of three intervals: %q", got)
		}
		for _, l := range held {
			if l.Err() != nil {
				t.Fatal(l.Err())
			}
		}
		_ = c.Close()
	})
}

// Leases of different ages come to be renewed together.
func TestRenewalsFallTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeCluster()
		f.slots["db"] = 100
		c := f.client(t, nil)
		for range 5 {
			mustAcquire(t, c, db())
			<-time.After(1300 * time.Millisecond)
		}
		<-time.After(30 * time.Second)
		f.forgetLog()
		<-time.After(20 * time.Second)
		if got := f.requests(); len(got) != 3 || got[0] != "n1:1 /v1/renew 5 tokens" {
			t.Errorf("within three intervals: %q", got)
		}
		_ = c.Close()
	})
}

func TestManualLease(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		r := db()
		r.Manual = true
		l := mustAcquire(t, c, r)
		<-time.After(15 * time.Second)
		if err := l.Renew(context.Background()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if took := ends(l).Sub(begun); took != 19790*time.Millisecond {
			t.Errorf("ended %v after the renewal", took)
		}
		if err := l.Renew(context.Background()); !errors.Is(err, ErrLeaseLost) {
			t.Errorf("a lost lease was renewed: %v", err)
		}
	})
}

func TestLeaseContextCarriesValuesOnly(t *testing.T) {
	type key struct{}
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "v"))
		l, err := c.Acquire(ctx, db())
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if l.Err() != nil || l.Context().Value(key{}) != "v" {
			t.Errorf("%v, %v", l.Err(), l.Context().Value(key{}))
		}
		child, stop := context.WithCancel(l.Context())
		defer stop()
		_ = l.Release(context.Background())
		<-child.Done()
		if !errors.Is(context.Cause(child), ErrReleased) {
			t.Errorf("the cause below is %v", context.Cause(child))
		}
	})
}

func TestRateGrantNeedsNoKeeping(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, Request{RateLimits: Slots{"db": 1}})
		f.forgetLog()
		<-time.After(time.Hour)
		if l.TTL() != 0 || l.Err() != nil || l.Renew(context.Background()) != nil || l.Release(context.Background()) != nil {
			t.Errorf("TTL %v: %v", l.TTL(), l.Err())
		}
		if got := f.requests(); len(got) != 0 {
			t.Errorf("requests for a grant that is over: %q", got)
		}
	})
}
