package check_test

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// toyPatience is how long the first on a limit waits until it is protected.
const toyPatience = int64(300 * time.Millisecond)

// lacks tells on which limit a demand is to wait: one that cannot give its slots
// beside those that are kept for the protected, or on which an older one stands
// in line; "": on none. Limits that decay come last.
func (s *toy) lacks(q *toyID, ahead []*toyID) (park string) {
	for _, decays := range []bool{false, true} {
		for _, w := range q.ask.Limits {
			if l := s.limits[w.Name]; (l.set.RateNum > 0) == decays && s.lacksOn(q, w, ahead) && (park == "" || w.Name < park) {
				park = w.Name
			}
		}
		if park != "" {
			return park
		}
	}
	return ""
}

func (s *toy) lacksOn(q *toyID, w history.Want, ahead []*toyID) bool {
	l := s.limits[w.Name]
	if l.set.Inactive {
		return false
	}
	if !l.fits(s.now, w.Slots+s.kept(q, w.Name)) {
		return true
	}
	return q.place == 0 && slices.ContainsFunc(ahead, func(o *toyID) bool { return o.place == 0 && o.park == w.Name })
}

// kept is what others that were protected before have reserved of a limit; of
// one that decays only once nothing else is in their way.
func (s *toy) kept(q *toyID, name string) (n int64) {
	for _, o := range s.queue {
		if o == q || o.place == 0 || q.place > 0 && q.place < o.place {
			continue
		}
		if s.limits[name].set.RateNum > 0 && o.park != name || q.place == 0 && s.sick("nothing is kept", 1) {
			continue
		}
		n += wants(o, name)
	}
	return n
}

func wants(q *toyID, name string) int64 {
	for _, w := range q.ask.Limits {
		if w.Name == name {
			return w.Slots
		}
	}
	return 0
}

func (s *toy) protect(q *toyID) {
	s.places++
	q.place, q.first = s.places, 0
}

// settle grants what can be granted: the protected first, then the oldest. Who
// is not granted stands in line on a limit that it lacks.
func (s *toy) settle(target int64) {
	order := slices.Clone(s.queue)
	slices.SortStableFunc(order, func(x, y *toyID) int { return cmp.Compare(cmp.Or(x.place, math.MaxInt), cmp.Or(y.place, math.MaxInt)) })
	for _, q := range order {
		at := slices.Index(s.queue, q)
		ahead := s.queue[:at]
		if at > 0 && s.sick("overtaking", 3) {
			ahead = nil
		}
		if s.sick("nobody looks at who waits", 10) {
			continue
		}
		if q.park = s.lacks(q, ahead); q.park == "" {
			s.queue = slices.Delete(s.queue, at, at+1)
			s.grant(q, target)
			s.tell(q)
			s.settle(target)
			return
		}
	}
	s.lookWhoIsFirst()
}

// lookWhoIsFirst starts and stops the patience of those that wait.
func (s *toy) lookWhoIsFirst() {
	for i, q := range s.queue {
		before := slices.ContainsFunc(s.queue[:i], func(o *toyID) bool {
			return o.place == 0 && o.park == q.park || o.place > 0 && wants(o, q.park) > 0
		})
		switch {
		case before || q.place > 0:
			q.first = 0
		case q.first == 0:
			q.first = s.now
		}
	}
}
