package check_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// toy is a tiny limiter that keeps the law of docs/semantics.md, written for
// nothing but to be judged: one process, no log, everything looked at again at
// every step. With a bug set it breaks one rule, once or always.
type toy struct {
	rng    *rand.Rand
	bug    string
	broken int // how often the bug showed

	now    int64 // cluster time
	index  uint64
	token  uint64
	limits map[string]*toyLimit
	leases map[uint64]*toyLease
	ids    map[string]*toyID
	done   map[string]bool // other writes, by id
	queue  []*toyID        // by age
	places int             // of protection that were given
	tell   func(q *toyID)
}

type toyLimit struct {
	set      history.Settings
	held     map[uint64]int64 // by token
	grace    map[uint64]int64 // tokens in grace, until when
	ordinals map[uint32]uint64
	level    int64 // where slots decay: what is occupied, in 1/RatePer of a slot
	since    int64
	extra    int64 // bugs: slots too many, decay that is too fast by per cent
	faster   int64
}

type toyLease struct {
	id   *toyID
	end  int64
	ttl  int64
	took []history.Granted
}

// toyID is a remembered acquire. code is how it ended; "" and token 0: it waits.
type toyID struct {
	id       string
	ask      history.Ask
	arrived  int64
	deadline int64
	code     string
	token    uint64
	waited   int64
	took     []history.Granted
	leased   bool

	park  string // the limit on which it stands in line
	first int64  // since when it is first there; 0: it is not
	place int    // of protection, from 1; 0: it has none
}

func newToy(rng *rand.Rand, bug string) *toy {
	return &toy{
		rng: rng, bug: bug, now: 1e9, limits: map[string]*toyLimit{}, leases: map[uint64]*toyLease{},
		ids: map[string]*toyID{}, done: map[string]bool{}, tell: func(*toyID) {},
	}
}

// sick tells whether the bug is this one, and shows now.
func (s *toy) sick(bug string, chance int) bool {
	if s.bug != bug || s.rng.IntN(chance) != 0 {
		return false
	}
	s.broken++
	return true
}

// begin opens a record: time moves on to the stamp, playing what falls due.
func (s *toy) begin(stamp int64) {
	s.index += 1 + uint64(s.rng.IntN(2))
	target := max(s.now, stamp)
	if s.sick("time goes back", 50) {
		s.now -= int64(30 * time.Millisecond)
		return
	}
	for {
		at, play := s.next()
		if at > target {
			break
		}
		s.now = max(s.now, at)
		play()
		s.settle(target)
	}
	s.now = target
	s.settle(target)
}

// next returns what falls due first.
func (s *toy) next() (at int64, play func()) {
	at, play = math.MaxInt64, nil
	consider := func(t int64, do func()) {
		if t < at {
			at, play = t, do
		}
	}
	for _, token := range sorted(s.leases) {
		x := s.leases[token]
		due := x.end
		if s.bug == "early expiry" && token%7 == 3 {
			due -= x.ttl / 2
		}
		consider(due, func() {
			if s.bug == "early expiry" && due < x.end {
				s.broken++
			}
			s.end(token, "lease_ended", true)
		})
	}
	for _, l := range s.limits {
		for token, until := range l.grace {
			consider(until, func() { delete(l.grace, token); l.free(token) })
		}
	}
	for _, q := range s.queue {
		consider(q.deadline, func() { s.leave(q, "wait_expired") })
		if q.first > 0 && s.bug != "patience ignored" {
			consider(q.first+toyPatience, func() { s.protect(q) })
		}
		if s.bug == "waits end early" || s.bug == "interest lapses early" {
			code := map[bool]string{true: "wait_expired", false: "cancelled"}[s.bug == "waits end early"]
			consider(q.deadline-int64(q.ask.Wait)/3, func() { s.broken++; s.leave(q, code) })
		}
		if len(q.ask.Limits) == 1 {
			if l := s.limits[q.ask.Limits[0].Name]; l != nil && l.set.RateNum > 0 {
				if t := l.fitsAt(q.ask.Limits[0].Slots); t > s.now {
					consider(t, func() {})
				}
			}
		}
	}
	return at, play
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (l *toyLimit) decay(now int64) {
	if l.set.RateNum > 0 {
		l.level = max(0, l.level-int64(l.set.RateNum)*(now-l.since)*(l.faster+100)/100)
		l.since = now
	}
}

// fitsAt is when n slots fit, by decay alone.
func (l *toyLimit) fitsAt(n int64) int64 {
	over := l.level - (l.set.Slots-n+l.extra)*int64(l.set.RatePer)
	if over <= 0 {
		return l.since
	}
	num := int64(l.set.RateNum) * (l.faster + 100) / 100
	return l.since + (over+num-1)/num
}

func (l *toyLimit) occupied() (n int64) {
	for _, slots := range l.held {
		n += slots
	}
	return n
}

func (l *toyLimit) fits(now, n int64) bool {
	if l.set.RateNum > 0 {
		l.decay(now)
		return l.level <= (l.set.Slots-n+l.extra)*int64(l.set.RatePer)
	}
	return l.occupied()+n <= l.set.Slots
}

func (l *toyLimit) free(token uint64) {
	delete(l.held, token)
	for n, t := range l.ordinals {
		if t == token {
			delete(l.ordinals, n)
		}
	}
}

// grant takes slots.
func (s *toy) grant(q *toyID, target int64) {
	s.token++
	if s.sick("token twice", 40) {
		s.token--
	}
	q.token, q.waited, q.took = s.token, s.now-q.arrived, nil
	for _, w := range q.ask.Limits {
		l := s.limits[w.Name]
		t := history.Granted{Name: w.Name, Slots: w.Slots, Rate: w.Rate, Counted: !l.set.Inactive}
		if l.set.Inactive && s.sick("grants while inactive count", 1) {
			t.Counted = true
		}
		switch {
		case s.sick("half a grant", 30):
			continue
		case l.set.Inactive:
		case w.Rate:
			l.decay(s.now)
			l.level += w.Slots * int64(l.set.RatePer)
		default:
			l.held[s.token] = w.Slots
			q.leased = true
		}
		for n := uint32(0); l.set.Numbered && t.Counted && int64(len(t.Ordinals)) < w.Slots; n++ {
			if _, taken := l.ordinals[n]; !taken || s.sick("ordinal twice", 20) {
				l.ordinals[n] = s.token
				t.Ordinals = append(t.Ordinals, n)
			}
		}
		q.leased = q.leased || !w.Rate
		q.took = append(q.took, t)
	}
	if q.leased {
		s.leases[s.token] = &toyLease{id: q, end: target + int64(q.ask.TTL), ttl: int64(q.ask.TTL), took: q.took}
	}
}

// leave ends a wait without a grant.
func (s *toy) leave(q *toyID, code string) {
	s.queue = slices.DeleteFunc(s.queue, func(o *toyID) bool { return o == q })
	q.code = code
	s.tell(q)
}

// end ends a lease.
func (s *toy) end(token uint64, code string, expired bool) {
	x := s.leases[token]
	delete(s.leases, token)
	x.id.code = code
	for _, t := range x.took {
		l := s.limits[t.Name]
		if l == nil || t.Rate || !t.Counted {
			continue
		}
		switch {
		case !expired && s.sick("lost release", 20):
		case expired && l.set.Grace > 0:
			l.grace[token] = x.end + int64(l.set.Grace)
		default:
			l.free(token)
		}
	}
}

// clone returns a copy of the state, as a backup.
func (s *toy) clone() *toy {
	c := *s
	c.limits, c.leases, c.ids, c.queue, c.done = map[string]*toyLimit{}, map[uint64]*toyLease{}, map[string]*toyID{}, nil, maps.Clone(s.done)
	for name, l := range s.limits {
		copied := *l
		copied.held, copied.grace, copied.ordinals = maps.Clone(l.held), maps.Clone(l.grace), maps.Clone(l.ordinals)
		c.limits[name] = &copied
	}
	for id, q := range s.ids {
		copied := *q
		c.ids[id] = &copied
	}
	for token, x := range s.leases {
		copied := *x
		copied.id = c.ids[x.id.id]
		c.leases[token] = &copied
	}
	for _, q := range s.queue {
		c.queue = append(c.queue, c.ids[q.id])
	}
	return &c
}

// restore takes a backup on: tokens and the log go on.
func (s *toy) restore(from *toy) {
	c := from.clone()
	s.now, s.limits, s.leases, s.ids, s.queue, s.done = c.now, c.limits, c.leases, c.ids, c.queue, c.done
	s.token += 1 << 40
	s.index += 3
	if s.sick("tokens start again", 1) {
		s.token = from.token
	}
}
