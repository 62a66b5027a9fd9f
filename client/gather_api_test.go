package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

// slowly carries requests, a millisecond each.
type slowly struct{ to http.RoundTripper }

func (n slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(time.Millisecond)
	return n.to.RoundTrip(r)
}

// What is gathered ends as it would have ended alone, at limitd's own API: also
// beside a call that makes the whole request invalid.
func TestGatheredEndsAsAlone(t *testing.T) {
	for _, bad := range []string{"", "no/name"} {
		inBubble(t, func(t *testing.T, kit *clienttest.Kit, _ *client.Client) {
			kit.SetLimit("db", client.LimitSettings{Slots: 2})
			var together atomic.Int64
			cfg := kit.Config()
			cfg.Transport = slowly{cfg.Transport}
			cfg.Observer = &client.Observer{Exchanged: func(x client.Exchange) {
				if x.Operations > 1 {
					together.Store(int64(x.Operations))
				}
			}}
			c, err := client.New(cfg)
			noError(t, err)
			defer func() { _ = c.Close() }()
			c.SetLanes(1)
			wants := map[string]error{"db": nil, "db ": client.ErrLimitNotFound, "db3": client.ErrLimitNotFound}
			if bad != "" {
				wants[bad] = client.ErrInvalid
			}
			tickets := map[string]*client.Ticket{}
			for name := range wants {
				tickets[name] = c.AcquireAsync(t.Context(), client.Request{Limits: client.Slots{name: 1}})
			}
			for i := range 2 {
				tickets[fmt.Sprint("full ", i)] = c.AcquireAsync(t.Context(), client.Request{Limits: client.Slots{"db": 3}, Wait: time.Minute})
			}
			for name, ticket := range tickets {
				want, known := wants[name]
				if !known {
					want = client.ErrNeverFits
				}
				lease, err := ticket.Lease()
				var e *client.Error
				if want == nil && err != nil || want != nil && (!errors.Is(err, want) || !errors.As(err, &e) || e.Status == 0) {
					t.Errorf("%q: %v, %v", name, lease, err)
				}
			}
			if together.Load() == 0 {
				t.Error("nothing went together")
			}
		})
	}
}
