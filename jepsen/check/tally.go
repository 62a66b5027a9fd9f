package check

import (
	"slices"
	"sort"
)

// tally sums up what spans of the log hold at an index.
type tally struct {
	begun, ended []weight
}

// weight is a number at an index; once a tally is closed, the sum up to it.
type weight struct {
	index uint64
	sum   int64
}

// add notes that n is held from an index on, and up to another, not included.
func (t *tally) add(from, to uint64, n int64) {
	if from < to && n != 0 {
		t.begun = append(t.begun, weight{from, n})
		t.ended = append(t.ended, weight{to, n})
	}
}

// close ends the noting.
func (t *tally) close() {
	for _, list := range [][]weight{t.begun, t.ended} {
		slices.SortFunc(list, func(x, y weight) int { return compare(x.index, y.index) })
		for i := 1; i < len(list); i++ {
			list[i].sum += list[i-1].sum
		}
	}
}

// at returns what is held at an index.
func (t *tally) at(index uint64) int64 { return upTo(t.begun, index) - upTo(t.ended, index) }

func upTo(list []weight, index uint64) int64 {
	i := sort.Search(len(list), func(i int) bool { return list[i].index > index })
	if i == 0 {
		return 0
	}
	return list[i-1].sum
}
