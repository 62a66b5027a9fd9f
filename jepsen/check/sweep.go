package check

import "slices"

// span is something that holds slots from one point to another, not included.
type span[K any] struct {
	from, to K
	slots    int64
	of       *grant
}

// overlaps calls visit with each point at which a span begins, and what is held
// there by all spans together.
func overlaps[K int64 | uint64](spans []span[K], visit func(at K, slots int64, begun *grant)) {
	begin := slices.Clone(spans)
	finish := slices.Clone(spans)
	slices.SortStableFunc(begin, func(x, y span[K]) int { return compare(x.from, y.from) })
	slices.SortStableFunc(finish, func(x, y span[K]) int { return compare(x.to, y.to) })
	held, next := int64(0), 0
	for _, s := range begin {
		if s.from >= s.to {
			continue
		}
		for next < len(finish) && finish[next].to <= s.from {
			if finish[next].from < finish[next].to {
				held -= finish[next].slots
			}
			next++
		}
		held += s.slots
		visit(s.from, held, s.of)
	}
}

// holding returns the grants whose spans hold at a point.
func holding[K int64 | uint64](spans []span[K], at K) (list []*grant) {
	for _, s := range spans {
		if s.from <= at && at < s.to {
			list = append(list, s.of)
		}
	}
	return list
}
