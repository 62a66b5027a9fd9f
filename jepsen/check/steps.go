package check

import (
	"cmp"
	"slices"
	"sort"
)

func compare[T cmp.Ordered](x, y T) int { return cmp.Compare(x, y) }

// steps is a step function: what is the largest value that was noted before an
// instant, or the smallest noted after it.
type steps[K cmp.Ordered] struct {
	at     []noted[K]
	behind bool
}

type noted[K cmp.Ordered] struct {
	key   K
	value uint64
}

// add notes a value.
func (s *steps[K]) add(key K, value uint64) { s.at = append(s.at, noted[K]{key, value}) }

// accumulate ends the noting: of largest values before, or of smallest behind.
func (s *steps[K]) accumulate(behind bool) {
	s.behind = behind
	slices.SortStableFunc(s.at, func(x, y noted[K]) int { return compare(x.key, y.key) })
	if !behind {
		for i := 1; i < len(s.at); i++ {
			s.at[i].value = max(s.at[i].value, s.at[i-1].value)
		}
		return
	}
	for i := len(s.at) - 2; i >= 0; i-- {
		s.at[i].value = min(s.at[i].value, s.at[i+1].value)
	}
}

// before returns the largest value noted at a key below key, or 0.
func (s *steps[K]) before(key K) uint64 {
	i := sort.Search(len(s.at), func(i int) bool { return s.at[i].key >= key })
	if i == 0 {
		return 0
	}
	return s.at[i-1].value
}

// after returns the smallest value noted at a key above key, or never.
func (s *steps[K]) after(key K) uint64 {
	i := sort.Search(len(s.at), func(i int) bool { return s.at[i].key > key })
	if i == len(s.at) {
		return never
	}
	return s.at[i].value
}
