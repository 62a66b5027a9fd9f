package check

import "github.com/limitd/limitd/jepsen/history"

// judgeDenials looks for tries that were denied although everything they asked
// for was free and nobody waited for it.
func judgeDenials(f *facts, r *report) {
	if !f.fromStart {
		return
	}
	rooms := make(map[string]*room)
	for _, a := range f.acts {
		if a.Kind != history.Acquire || a.Code != "denied" || !a.exact {
			continue
		}
		r.saw(1)
		if f.mustFit(a, rooms) {
			r.convict("A1", show(a.Op), "a try for %v was denied at index %d, where nothing stood in its way", a.Limits, a.Index)
		}
	}
}

// mustFit tells whether a try found room on all its limits, for certain.
func (f *facts) mustFit(a *act, rooms map[string]*room) bool {
	return f.wouldFit(a, a.Index, 0, rooms)
}

// wouldFit tells whether there is room on all limits of an acquire after the
// record at an index, and nobody waits for any but so many, which it is among.
func (f *facts) wouldFit(a *act, index uint64, waiting int64, rooms map[string]*room) bool {
	for _, w := range a.Limits {
		l := f.limit(w.Name)
		b := l.bounds(index, index)
		if !b.known || b.gone {
			return false
		}
		if !b.active {
			continue
		}
		m := rooms[w.Name]
		if m == nil {
			m = f.room(l)
			rooms[w.Name] = m
		}
		if m.most.at(index)+w.Slots > b.least || m.mostWaiting.at(index) > waiting {
			return false
		}
	}
	return true
}
