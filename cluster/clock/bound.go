package clock

// Bound is a lower bound of cluster time: the largest offset of the last ten
// seconds among the records of the newest term that was heeded, or of the
// newest record where the window holds none. The zero value knows nothing.
// It is not safe for concurrent use.
//
// Offsets of an older term are dropped as soon as a newer term is heeded: its
// leader continued from what it had applied, possibly behind the last leader's
// clock, and an older offset would let the next one jump ahead of it.
type Bound struct {
	known  bool
	term   uint64
	newest sample
	peaks  []sample // descending offsets, ascending instants: the front is the largest
}

// A sample says that cluster time was at least at + offset at the instant at.
type sample struct{ offset, at int64 }

// grain is the least distance in time between two peaks that are kept, which
// bounds their number at Window/grain. A lower offset that close behind a
// higher one is kept as the newest only.
const grain = Window / 1000

// Heed takes the stamp, made in term, of a record applied at the instant at,
// which must not go back. Records of older terms are ignored.
func (b *Bound) Heed(term uint64, stamp, at int64) {
	if b.known && term < b.term {
		return
	}
	if !b.known || term > b.term {
		b.known, b.term, b.peaks = true, term, b.peaks[:0]
	}
	b.newest = sample{offset: stamp - at, at: at}
	b.push(b.newest)
	b.expire(at)
}

func (b *Bound) push(s sample) {
	n := len(b.peaks)
	for n > 0 && b.peaks[n-1].offset <= s.offset {
		n--
	}
	if b.peaks = b.peaks[:n]; n > 0 && s.at-b.peaks[n-1].at < grain {
		return
	}
	b.peaks = append(b.peaks, s)
}

// expire drops the peaks that left the window.
func (b *Bound) expire(now int64) {
	n := 0
	for n < len(b.peaks) && b.peaks[n].at < now-Window {
		n++
	}
	if n > 0 {
		b.peaks = b.peaks[:copy(b.peaks, b.peaks[n:])]
	}
}

// Reset forgets all offsets: a snapshot was restored at the instant at, and
// says no more than that cluster time is at least time. Any term's record
// takes its place.
func (b *Bound) Reset(time, at int64) {
	*b = Bound{known: true, newest: sample{offset: time - at, at: at}, peaks: b.peaks[:0]}
}

// At returns a lower bound of cluster time at the instant now; false where
// nothing was applied yet.
func (b *Bound) At(now int64) (int64, bool) {
	if !b.known {
		return 0, false
	}
	b.expire(now)
	if len(b.peaks) > 0 {
		return now + b.peaks[0].offset, true
	}
	return now + b.newest.offset, true
}

// Continue returns the clock of a new leader, which has applied all that the
// log held when it was elected: it goes on from the state's time, or from the
// bound where that is later. stateTime and now are of one instant.
func (b *Bound) Continue(stateTime, now int64) Leading {
	if t, ok := b.At(now); ok && t > stateTime {
		return From(t, now)
	}
	return From(stateTime, now)
}
