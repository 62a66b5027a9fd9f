package report

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// mostClients bounds how many callers have a strip each; more share one.
const mostClients = 40

// callRows draws calls one by one: a strip for each caller, or all in one where
// there are many. titles is how many may say what they are.
func callRows(a axis, ops []*history.Op, shown map[int]bool, titles int, every bool) []row {
	var clients []int
	for _, o := range ops {
		clients = append(clients, o.Client)
	}
	slices.Sort(clients)
	clients = slices.Compact(clients)
	if len(clients) > mostClients || !every && len(clients) > 12 {
		return []row{packed(a, ops, shown, titles, every)}
	}
	var rows []row
	for _, client := range clients {
		r := row{Class: "calls", Label: fmt.Sprintf("c%d", client), Height: 14}
		b := bars{axis: a, row: &r, height: r.Height, titled: titles / len(clients), every: every, shown: shown}
		n := 0
		for _, o := range ops {
			if o.Client == client {
				b.add(o, 0)
				n++
			}
		}
		b.flush()
		r.Alt = fmt.Sprintf("caller %d: ", client) + count(n, "call")
		rows = append(rows, r)
	}
	return rows
}

// packed puts calls of many callers into as few lanes as they need.
func packed(a axis, ops []*history.Op, shown map[int]bool, titles int, every bool) row {
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(x, y *history.Op) int { return int(min(max(x.Call-y.Call, -1), 1)) })
	spans := make([]stretch, len(ops))
	for i, o := range ops {
		spans[i].from, spans[i].to = span(o)
	}
	of, n := lanes(spans)
	height := min(max(420/max(n, 1), 4), 10)
	r := row{Class: "calls", Label: "calls", Note: count(len(ops), "call"), Height: max(n*height, 12)}
	b := bars{axis: a, row: &r, height: height, titled: titles, every: every, shown: shown}
	for i, o := range ops {
		b.add(o, of[i])
	}
	b.flush()
	return r
}
