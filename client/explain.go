package client

import (
	"context"
	"net/http"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Explanation is what an acquire would meet now.
type Explanation struct {
	WouldGrant bool
	// EstimatedWait is how long it would wait; negative where nothing can be said.
	EstimatedWait time.Duration
	// Quarantine is how long limits without decay grant nothing, because a backup
	// was restored and holders of before may be at work; 0: they grant.
	Quarantine time.Duration
	Limits     []ExplainedLimit
	// Refused is why the acquire would be refused at once, whatever its Wait; nil:
	// it would not.
	Refused error
}

// ExplainedLimit is one limit of an Explanation.
type ExplainedLimit struct {
	Name     string
	Slots    int64 // that it has
	Occupied int64
	Needed   int64 // by the acquire
	Ahead    int64 // waiters that come first
	// FreeIn is when what is needed may be free; negative where nothing can be said.
	FreeIn  time.Duration
	Holders []Holder // the oldest 10
}

// Explain tells what Acquire would meet with the same request, and changes
// nothing. Only the request's Limits and RateLimits count.
func (c *Client) Explain(ctx context.Context, r Request, options ...ReadOption) (*Explanation, error) {
	x := c.exchange(http.MethodPost, "/v1/explain")
	x.query, x.body = reading(options), encode(wire.ExplainRequest{Limits: r.entries()})
	var out wire.Explanation
	if err := c.do(ctx, x, &out); err != nil {
		asError(err).inWordsOf(r)
		return nil, err
	}
	e := &Explanation{WouldGrant: out.WouldGrant, EstimatedWait: known(out.EstimatedWait), Limits: make([]ExplainedLimit, len(out.Limits))}
	if out.Quarantine != nil {
		e.Quarantine = time.Duration(*out.Quarantine)
	}
	for i := range out.Limits {
		e.Limits[i] = explained(&out.Limits[i])
	}
	if out.Problem != nil {
		refused := fromProblem(out.Problem, out.Problem.Status)
		refused.inWordsOf(r)
		e.Refused = refused
	}
	return e, nil
}

func explained(w *wire.ExplainedLimit) ExplainedLimit {
	l := ExplainedLimit{
		Name: w.Name, Slots: w.Slots, Occupied: w.Occupied, Needed: w.Needed, Ahead: w.Ahead,
		FreeIn: known(w.FreeIn), Holders: make([]Holder, len(w.Holders)),
	}
	for i := range w.Holders {
		l.Holders[i] = *holderOf(&w.Holders[i])
	}
	return l
}
