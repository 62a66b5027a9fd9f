package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// span is when a worker was inside, in ns of the machine's clock.
type span struct{ from, to int64 }

// spans reads one span a line.
func spans(out string) (list []span, err error) {
	for line := range strings.Lines(out) {
		var s span
		if _, err := fmt.Sscan(line, &s.from, &s.to); err != nil {
			return nil, fmt.Errorf("read %q: %w", line, err)
		}
		list = append(list, s)
	}
	return list, nil
}

// most returns how many spans overlap at one time.
func most(list []span) (n int) {
	type edge struct {
		at int64
		by int
	}
	var edges []edge
	for _, s := range list {
		edges = append(edges, edge{s.from, 1}, edge{s.to, -1})
	}
	slices.SortFunc(edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.by, y.by))
	})
	inside := 0
	for _, e := range edges {
		inside += e.by
		n = max(n, inside)
	}
	return n
}
