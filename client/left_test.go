package client

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Left counts down to the end of the lease's context, and up again by renewals.
func TestLeft(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		if left := l.Left(); left != 19790*time.Millisecond {
			t.Errorf("%v are left at first", left)
		}
		<-time.After(10 * time.Second) // renewed after a third of the TTL
		if left := l.Left(); left < 16*time.Second || left > 17*time.Second {
			t.Errorf("%v are left after a renewal", left)
		}
		f.setFault(stall("/v1/renew"))
		left := l.Left()
		if took := time.Until(ends(l)); took > 0 || left <= 0 || l.Left() != 0 {
			t.Errorf("%v were left, and %v when it had ended", left, l.Left())
		}
	})
}

func TestNothingToRenewIsLeftForEver(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, Request{RateLimits: Slots{"db": 1}})
		if l.TTL() == 0 && l.Left() != math.MaxInt64 {
			t.Errorf("%v are left", l.Left())
		}
	})
}

// A lease that somebody released in the program's stead is told from one that
// could not be renewed.
func TestLeaseEndedByTheCluster(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		l := mustAcquire(t, c, db())
		f.end(func(a *fakeAcquire) bool { return a.token == l.Token() })
		ends(l)
		if err := l.Err(); !errors.Is(err, ErrLeaseLost) || !errors.Is(err, ErrLeaseEnded) || l.Left() != 0 {
			t.Errorf("%v, %v left", err, l.Left())
		}
	})
}

// Whoever wants to know why it waits is told at once, and now and then.
func TestOnWait(t *testing.T) {
	withCluster(t, func(t *testing.T, f *fakeCluster, c *Client) {
		first := mustAcquire(t, c, db())
		begun := time.Now()
		time.AfterFunc(20*time.Second, func() { _ = first.Release(context.Background()) })
		var told []time.Duration
		r := db()
		r.Wait = Forever
		r.OnWait = func(w wire.Waiting) {
			if w.State != wire.StateWaiting || w.ID == "" {
				t.Errorf("told %+v", w)
			}
			told = append(told, time.Since(begun))
		}
		mustAcquire(t, c, r)
		if len(told) != 3 || told[0] != 0 || told[1] != 8*time.Second || told[2] != 16*time.Second {
			t.Errorf("told after %v", told)
		}
	})
}
