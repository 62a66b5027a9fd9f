package client

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/limitd/limitd/transport/wire"
)

// ReadOption changes how something is read.
type ReadOption func(url.Values)

// Stale has the node that is asked answer at once with what it knows, also
// without a leader; it may be behind by a few milliseconds, or by as long as the
// node has been cut off. Otherwise reads show all that was answered before they
// were begun, whichever node answered it.
func Stale() ReadOption { return func(q url.Values) { q.Set("consistency", "stale") } }

// PageSize has a list fetch n items at a time, 1 to 1,000. Default 100.
func PageSize(n int) ReadOption { return func(q url.Values) { q.Set("page_size", strconv.Itoa(n)) } }

func reading(options []ReadOption) url.Values {
	q := make(url.Values)
	for _, set := range options {
		set(q)
	}
	return q
}

// LimitFilter chooses limits; the zero value chooses all.
type LimitFilter struct {
	Prefix string            // of the name
	Labels map[string]string // all of them
}

// Limits lists limits in the order of their names. It fetches page after page
// while the loop goes on, so it is a list of no one moment: what stays is
// neither skipped nor repeated. An error ends it.
//
//	for l, err := range c.Limits(ctx, client.LimitFilter{Prefix: "team-a."}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(l.Name, l.Status.Occupied, "of", l.Slots)
//	}
func (c *Client) Limits(ctx context.Context, f LimitFilter, options ...ReadOption) iter.Seq2[*Limit, error] {
	x := c.exchange(http.MethodGet, "/v1/limits")
	x.query = reading(options)
	if f.Prefix != "" {
		x.query.Set("prefix", f.Prefix)
	}
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		x.query.Add("label", key+"="+f.Labels[key])
	}
	return pages(ctx, c, x, func(p *wire.Limits) ([]wire.Limit, string) { return p.Limits, p.NextPageToken }, limitOf)
}

// pages yields what x lists, page after page of the type P, each item made of
// one of the page's.
func pages[P, W, T any](ctx context.Context, c *Client, x exchange, parts func(*P) ([]W, string), item func(*W) *T) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		x := x
		x.query = maps.Clone(x.query)
		for {
			var page P
			if err := c.do(ctx, x, &page); err != nil {
				yield(nil, err)
				return
			}
			items, next := parts(&page)
			for i := range items {
				if !yield(item(&items[i]), nil) {
					return
				}
			}
			if next == "" {
				return
			}
			x.query.Set("page_token", next)
		}
	}
}

// failed is a list that is nothing but an error.
func failed[T any](err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) { yield(nil, err) }
}
