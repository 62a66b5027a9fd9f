package client_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

// inBubble runs test with a client of a cluster in memory.
func inBubble(t *testing.T, test func(t *testing.T, kit *clienttest.Kit, c *client.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		kit := clienttest.New(t)
		test(t, kit, kit.Client())
	})
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// collect returns all that a list yields, by what name says of each.
func collect[T any](t *testing.T, list func(func(*T, error) bool), name func(*T) string) (names []string) {
	t.Helper()
	for item, err := range list {
		noError(t, err)
		names = append(names, name(item))
	}
	return names
}

func TestLimitsAreMadeAndChanged(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *clienttest.Kit, c *client.Client) {
		ctx := t.Context()
		want := client.LimitSettings{
			Slots: 5, Rate: "10/m", Shadow: true, Grace: time.Minute, Description: "the \"old\" one",
			Labels: map[string]string{"team": "data", "tier": "1"},
		}
		made, err := c.CreateLimit(ctx, "gpu farm?", want)
		noError(t, err)
		if made.ID == "" || made.Name != "gpu farm?" || made.Revision == 0 || made.CreatedAt.IsZero() || !same(made.LimitSettings, want) {
			t.Errorf("made %+v", made)
		}
		_, err = c.CreateLimit(ctx, "gpu farm?", want)
		wantError(t, err, client.ErrLimitExists)

		changed, err := c.UpdateLimit(ctx, "gpu farm?", func(l *client.Limit) {
			l.Name, l.Slots, l.Shadow, l.Rate = "gpu", 7, false, ""
			delete(l.Labels, "tier")
			l.Labels["room"] = "3"
		})
		noError(t, err)
		want.Slots, want.Shadow, want.Rate, want.Labels = 7, false, "", map[string]string{"team": "data", "room": "3"}
		if changed.Name != "gpu" || changed.ID != made.ID || changed.Revision <= made.Revision || !same(changed.LimitSettings, want) {
			t.Errorf("changed to %+v", changed)
		}

		off, err := c.DisableLimit(ctx, "gpu")
		noError(t, err)
		on, err := c.EnableLimit(ctx, "gpu")
		noError(t, err)
		if !off.Inactive || on.Inactive || on.Slots != 7 {
			t.Errorf("switched off: %+v; on: %+v", off, on)
		}

		put, err := c.PutLimit(ctx, "gpu", client.LimitSettings{Slots: 1, Inactive: true})
		noError(t, err)
		if put.ID != made.ID || !same(put.LimitSettings, client.LimitSettings{Slots: 1, Inactive: true, Labels: map[string]string{}}) {
			t.Errorf("put %+v", put)
		}
		noError(t, c.DeleteLimit(ctx, "gpu"))
		_, err = c.Limit(ctx, "gpu")
		wantError(t, err, client.ErrLimitNotFound)
		wantError(t, c.DeleteLimit(ctx, "gpu"), client.ErrLimitNotFound)
	})
}

func same(a, b client.LimitSettings) bool {
	labels := maps.Equal(a.Labels, b.Labels)
	a.Labels, b.Labels = nil, nil
	return labels && fmt.Sprint(a) == fmt.Sprint(b)
}

// A change that meets another one begins anew, with what that left.
func TestUpdateMeetsAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, c *client.Client) {
		kit.SetLimit("db", client.LimitSettings{Slots: 1})
		tries := 0
		l, err := c.UpdateLimit(t.Context(), "db", func(l *client.Limit) {
			if tries++; tries == 1 {
				kit.SetLimit("db", client.LimitSettings{Slots: 10})
			}
			l.Slots++
		})
		noError(t, err)
		if tries != 2 || l.Slots != 11 {
			t.Errorf("%d slots after %d tries", l.Slots, tries)
		}
	})
}

// A name that no limit can have never reaches the path of a request.
func TestNamesAreChecked(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *clienttest.Kit, c *client.Client) {
		ctx := t.Context()
		for _, name := range []string{"", "..", "a/b", "50%"} {
			_, get := c.Limit(ctx, name)
			_, put := c.PutLimit(ctx, name, client.LimitSettings{})
			_, create := c.CreateLimit(ctx, name, client.LimitSettings{})
			_, reset := c.ResetLimit(ctx, name)
			for _, err := range []error{get, put, create, reset, c.DeleteLimit(ctx, name)} {
				wantError(t, err, client.ErrInvalid)
			}
			for _, err := range c.Holders(ctx, name) {
				wantError(t, err, client.ErrInvalid)
			}
			for _, err := range c.Queue(ctx, name) {
				wantError(t, err, client.ErrInvalid)
			}
		}
	})
}

func TestLimitsAreListedInPages(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, c *client.Client) {
		var all []string
		for i := range 25 {
			name := fmt.Sprintf("team-%c.%02d", 'a'+i%2, i)
			all = append(all, name)
			kit.SetLimit(name, client.LimitSettings{Slots: 1, Labels: map[string]string{"third": fmt.Sprint(i%3 == 0)}})
		}
		slices.Sort(all)
		ctx, name := t.Context(), func(l *client.Limit) string { return l.Name }
		for _, size := range []int{1, 7, 1000} {
			list := c.Limits(ctx, client.LimitFilter{}, client.PageSize(size), client.Stale())
			for range 2 { // a list can be walked again
				if got := collect(t, list, name); !slices.Equal(got, all) {
					t.Errorf("in pages of %d: %v", size, got)
				}
			}
		}
		f := client.LimitFilter{Prefix: "team-a.", Labels: map[string]string{"third": "true"}}
		if got := strings.Join(collect(t, c.Limits(ctx, f), name), " "); got != "team-a.00 team-a.06 team-a.12 team-a.18 team-a.24" {
			t.Errorf("filtered: %s", got)
		}
		for range c.Limits(ctx, client.LimitFilter{}) {
			break
		}
		for _, err := range c.Limits(ctx, client.LimitFilter{}, client.PageSize(0)) {
			wantError(t, err, client.ErrInvalid)
		}
	})
}

// Who holds, who waits, and what a newcomer would meet.
func TestLooks(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, c *client.Client) {
		ctx := t.Context()
		kit.SetLimit("gpu", client.LimitSettings{Slots: 2, Numbered: true})
		owner := &client.Owner{Name: "etl", Host: "w7", PID: 4711, Meta: map[string]string{"run": "a1"}}
		lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"gpu": 2}, TTL: 20 * time.Second, Owner: owner})
		noError(t, err)
		ticket := c.AcquireAsync(ctx, client.Request{Limits: client.Slots{"gpu": 1}, Wait: time.Minute})
		defer ticket.Cancel()
		<-time.After(time.Second)

		for h, err := range c.Holders(ctx, "gpu") {
			noError(t, err)
			if h.Kind != client.HolderLease || h.Token != lease.Token() || h.Slots != 2 || len(h.Ordinals) != 2 ||
				h.Owner.Meta["run"] != "a1" || h.ExpiresIn != 19*time.Second {
				t.Errorf("the holder is %+v", h)
			}
		}
		for w, err := range c.Queue(ctx, "gpu") {
			noError(t, err)
			if w.Position != 1 || w.Slots != 1 || w.WaitingFor != time.Second || w.DeadlineIn != 59*time.Second || w.ParkedOn != "gpu" {
				t.Errorf("the waiter is %+v", w)
			}
		}
		x, err := c.Explain(ctx, client.Request{Limits: client.Slots{"gpu": 1}})
		noError(t, err)
		if l := x.Limits[0]; x.WouldGrant || x.Refused != nil || l.Occupied != 2 || l.Needed != 1 || l.Ahead != 1 || len(l.Holders) != 1 {
			t.Errorf("explained as %+v", x)
		}
		x, err = c.Explain(ctx, client.Request{Limits: client.Slots{"gpu": 3}})
		noError(t, err)
		wantError(t, x.Refused, client.ErrNeverFits)
		status, err := c.Limit(ctx, "gpu", client.Stale())
		noError(t, err)
		if s := status.Status; s.Occupied != 2 || s.Available != 0 || s.Waiting != 1 {
			t.Errorf("the status is %+v", s)
		}
	})
}

func TestLeasesAreListedAndReleased(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, c *client.Client) {
		ctx := t.Context()
		kit.SetLimit("db", client.LimitSettings{Slots: 9})
		var leases []*client.Lease
		for i := range 3 {
			r := client.Request{Limits: client.Slots{"db": 1}, TTL: 30 * time.Second, Owner: &client.Owner{Name: fmt.Sprint("w", i)}}
			l, err := c.Acquire(ctx, r)
			noError(t, err)
			leases = append(leases, l)
			<-time.After(time.Second)
		}
		name := func(l *client.LeaseInfo) string { return l.Owner.Name }
		for want, f := range map[string]client.LeaseFilter{
			"w0 w1 w2": {Limit: "db"}, "w0 w1": {OlderThan: 2 * time.Second}, "w1": {Owner: "w1"}, "": {Limit: "other"},
		} {
			if got := strings.Join(collect(t, c.Leases(ctx, f, client.PageSize(1)), name), " "); got != want {
				t.Errorf("%+v lists %q, not %q", f, got, want)
			}
		}
		token := leases[1].Token()
		info, err := c.LeaseByToken(ctx, token)
		noError(t, err)
		if info.TTL != 30*time.Second || info.Held != 2*time.Second || info.ID != leases[1].ID() || info.Limits[0].Name != "db" {
			t.Errorf("the lease is %+v", info)
		}

		noError(t, c.ForceRelease(ctx, token))
		_, err = c.LeaseByToken(ctx, token)
		wantError(t, err, client.ErrLeaseNotFound)
		wantError(t, c.ForceRelease(ctx, token), client.ErrLeaseNotFound)
		<-leases[1].Context().Done() // with its next renewal
		wantError(t, leases[1].Err(), client.ErrLeaseLost)

		freed, err := c.ResetLimit(ctx, "db")
		noError(t, err)
		if l, err := c.Limit(ctx, "db"); err != nil || freed != 2 || l.Status.Occupied != 0 {
			t.Errorf("%d freed, %v: %+v", freed, err, l)
		}
	})
}

// A write whose answer is lost has one effect, and gets the first answer.
func TestWritesHaveOneEffect(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, _ *client.Client) {
		cfg := kit.Config()
		lossy := &losesAnswers{to: cfg.Transport}
		cfg.Transport = lossy
		c, err := client.New(cfg)
		noError(t, err)
		defer func() { _ = c.Close() }()
		lossy.lose = 3
		l, err := c.CreateLimit(t.Context(), "db", client.LimitSettings{Slots: 2})
		noError(t, err)
		if l.Slots != 2 || lossy.lose != 0 {
			t.Errorf("%+v; %d answers were not lost", l, lossy.lose)
		}
		_, err = c.Acquire(t.Context(), client.Request{Limits: client.Slots{"db": 2}})
		noError(t, err)
		lossy.lose = 2
		if freed, err := c.ResetLimit(t.Context(), "db"); err != nil || freed != 2 {
			t.Errorf("%d freed, %v", freed, err)
		}
		lossy.lose = 1
		noError(t, c.DeleteLimit(t.Context(), "db"))
	})
}

func TestGiveUpEndsEveryCall(t *testing.T) {
	inBubble(t, func(t *testing.T, kit *clienttest.Kit, _ *client.Client) {
		cfg := kit.Config()
		cfg.GiveUp = 3 * time.Second
		c, err := client.New(cfg)
		noError(t, err)
		defer func() { _ = c.Close() }()
		kit.Disconnect()
		begun := time.Now()
		_, err = c.Limit(context.Background(), "db")
		if took := time.Since(begun); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		wantError(t, err, client.ErrUnreachable)
	})
}

func TestRatePerSecond(t *testing.T) {
	for rate, want := range map[client.Rate]string{
		"": "0", "0/s": "0", "20/m": "1/3", "2.5/s": "5/2", "1/d": "1/86400", "36/h": "1/100", "5/ms": "5000", "1/us": "1000000", "1/ns": "1000000000",
	} {
		got, err := rate.PerSecond()
		if r, _ := new(big.Rat).SetString(want); err != nil || got.Cmp(r) != 0 {
			t.Errorf("%s is %v, %v", rate, got, err)
		}
	}
	for _, rate := range []client.Rate{"10", "10/w", "/s", "-1/s", "1e3/s", "1/2/s", "x/s"} {
		_, err := rate.PerSecond()
		wantError(t, err, client.ErrInvalid)
	}
}
