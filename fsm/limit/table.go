package limit

import (
	"cmp"
	"slices"

	"github.com/tidwall/btree"
)

// pair is a number, and a second one where the first is not unique.
type pair struct{ a, b uint64 }

func (p pair) less(o pair) bool { return p.a < o.a || p.a == o.a && p.b < o.b }

// record is what a table's rows provide for copy-on-write.
type record[R any] interface {
	*R
	// stamp is where the row keeps the epoch in which it may be changed.
	stamp() *uint32
	// detach replaces what the row's copy still shares with the original and
	// changes in place.
	detach()
}

type cell[K comparable, R any] struct {
	key K
	row *R
}

// table is an ordered table of rows with copy-on-write: copy takes constant
// time, and a row is cloned when it is first changed in a later epoch. So a
// snapshot holds the tables of its moment, and reads them while the state
// moves on.
type table[K comparable, R any, P record[R]] struct{ tree *btree.BTreeG[cell[K, R]] }

func newTable[K comparable, R any, P record[R]](less func(x, y K) bool) table[K, R, P] {
	byKey := func(x, y cell[K, R]) bool { return less(x.key, y.key) }
	return table[K, R, P]{btree.NewBTreeGOptions(byKey, btree.Options{NoLocks: true})}
}

func (t table[K, R, P]) copy() table[K, R, P] { return table[K, R, P]{t.tree.Copy()} }

func (t table[K, R, P]) len() int { return t.tree.Len() }

// get returns the row at k for reading, or nil.
func (t table[K, R, P]) get(k K) P {
	c, _ := t.tree.Get(cell[K, R]{key: k})
	return c.row
}

// own returns the row at k for changing in this epoch, or nil.
func (t table[K, R, P]) own(k K, epoch uint32) P {
	c, ok := t.tree.Get(cell[K, R]{key: k})
	if !ok {
		return nil
	}
	row := P(c.row)
	if *row.stamp() == epoch {
		return row
	}
	clone := *c.row
	row = &clone
	*row.stamp() = epoch
	row.detach()
	t.tree.Set(cell[K, R]{k, row})
	return row
}

// put stores a new row, which may be changed in this epoch.
func (t table[K, R, P]) put(k K, row P, epoch uint32) {
	*row.stamp() = epoch
	t.tree.Set(cell[K, R]{k, row})
}

// load is put for a key beyond all that there are, which is quicker; any other is
// put in its place.
func (t table[K, R, P]) load(k K, row P, epoch uint32) {
	*row.stamp() = epoch
	t.tree.Load(cell[K, R]{k, row})
}

func (t table[K, R, P]) delete(k K) { t.tree.Delete(cell[K, R]{key: k}) }

// ascend visits the rows from k on, in order, until visit returns false.
func (t table[K, R, P]) ascend(k K, visit func(K, P) bool) {
	t.tree.Ascend(cell[K, R]{key: k}, func(c cell[K, R]) bool { return visit(c.key, c.row) })
}

// last returns the last row before k.
func (t table[K, R, P]) last(k K) (at K, row P) {
	t.tree.Descend(cell[K, R]{key: k}, func(c cell[K, R]) bool {
		if c.key == k {
			return true
		}
		at, row = c.key, c.row
		return false
	})
	return at, row
}

// pairs is an ordered set. Indexes are sets of pairs; they are made anew from
// the tables after a restore, and are no part of a snapshot.
type pairs struct{ tree *btree.BTreeG[pair] }

func newPairs() pairs {
	return pairs{btree.NewBTreeGOptions(pair.less, btree.Options{NoLocks: true})}
}

func (s pairs) add(a, b uint64)    { s.tree.Set(pair{a, b}) }
func (s pairs) remove(a, b uint64) { s.tree.Delete(pair{a, b}) }

// load adds all of list to an empty set. It sorts the list.
func (s pairs) load(list []pair) {
	slices.SortFunc(list, func(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	for _, p := range list {
		s.tree.Load(p)
	}
}

// min returns the first pair of all.
func (s pairs) min() (pair, bool) { return s.tree.Min() }

// from returns the first pair that is not below (a, b).
func (s pairs) from(a, b uint64) (p pair, ok bool) {
	s.tree.Ascend(pair{a, b}, func(q pair) bool {
		p, ok = q, true
		return false
	})
	return p, ok
}

// first returns the lowest second number beside a, or 0.
func (s pairs) first(a uint64) uint64 {
	if p, ok := s.from(a, 0); ok && p.a == a {
		return p.b
	}
	return 0
}

// rank returns how many pairs are below (a, b).
func (s pairs) rank(a, b uint64) int {
	low, high := 0, s.tree.Len()
	for low < high {
		middle := (low + high) / 2
		if p, _ := s.tree.GetAt(middle); p.less(pair{a, b}) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// ascend visits the second numbers beside a from b on, until visit returns false.
func (s pairs) ascend(a, b uint64, visit func(b uint64) bool) {
	s.tree.Ascend(pair{a, b}, func(p pair) bool { return p.a == a && visit(p.b) })
}

// fifo is a queue of what ends in the order in which it came, in chunks, so
// that no operation moves more than one item.
type fifo[T any] struct {
	chunks [][]T
	head   int // in chunks[0]
	size   int
}

const chunkSize = 512

func (f *fifo[T]) push(v T) {
	n := len(f.chunks)
	if n == 0 || len(f.chunks[n-1]) == chunkSize {
		f.chunks = append(f.chunks, make([]T, 0, chunkSize))
		n++
	}
	f.chunks[n-1] = append(f.chunks[n-1], v)
	f.size++
}

func (f *fifo[T]) front() (v T, ok bool) {
	if f.size == 0 {
		return v, false
	}
	return f.chunks[0][f.head], true
}

func (f *fifo[T]) pop() {
	f.head++
	f.size--
	if f.head == len(f.chunks[0]) {
		f.chunks, f.head = f.chunks[1:], 0
	}
}
