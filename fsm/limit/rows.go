package limit

import "github.com/limitd/limitd/fsm/command"

// none stands for an instant that is not set.
const none = int64(-1)

// limitRow is one limit.
type limitRow struct {
	epoch    uint32
	seq      uint64 // its number in order of creation, by which all else names it
	uuid     [16]byte
	name     string
	set      command.LimitSettings
	implicit bool
	deleted  bool // being taken apart by a job
	revision uint64

	createdWall, updatedWall int64

	occupancy
	denied  int64
	average int64 // ns a slot is held
	used    int64 // cluster time of the last acquire that named it
	refs    int64 // leases and waiters that name it
	drains  bool  // it is one of draining.limits
}

// occupancy is what is taken of a limit.
type occupancy struct {
	held      int64    // slots of all holdings, before frac
	anonymous int64    // of these, in anonymous holdings
	frac      uint64   // what has decayed of the oldest holding, in 1/set.Rate.Den of a slot
	since     int64    // cluster time up to which decay has been counted
	ordinals  []uint64 // numbered limits: one bit a slot

	holdings  int   // how many there are
	inGrace   int   // of these, in grace
	oldestEnd int64 // where decay takes the oldest of several, or one in grace: when; else 0
}

func (l *limitRow) stamp() *uint32 { return &l.epoch }
func (l *limitRow) detach()        { l.ordinals = append([]uint64(nil), l.ordinals...) }

// enforcing tells whether the limit can stand in anybody's way.
func (l *limitRow) enforcing() bool { return l != nil && l.set.Active && !l.set.Shadow && !l.deleted }

func (l *limitRow) decays() bool { return l != nil && !l.set.Rate.IsZero() }

// free is how many slots are free, by whole slots; below 0 after a shrink.
func (l *limitRow) free() int64 { return l.set.Slots - l.held }

// holding is slots of one limit, held under one token. Rate and anonymous
// grants that follow each other share a holding, since nobody can name them.
type holding struct {
	epoch    uint32
	kind     HolderKind
	slots    int64
	granted  int64 // cluster time
	wall     int64
	freeAt   int64 // cluster time at which grace ends
	ordinals *ordinals
}

// ordinals are the slots that a holding of a numbered limit has (L11); nil: none.
type ordinals []uint32

func newOrdinals(list []uint32) *ordinals {
	if len(list) == 0 {
		return nil
	}
	return (*ordinals)(&list)
}

func (o *ordinals) list() []uint32 {
	if o == nil {
		return nil
	}
	return *o
}

func (h *holding) stamp() *uint32 { return &h.epoch }
func (h *holding) detach()        {}

// waiter is a place in the queue.
type waiter struct {
	epoch   uint32
	age     uint64 // log index of its acquire
	id      string
	demand  demand
	arrived int64 // cluster time of the id's first record
	place
}

// demand is what an acquire asks for, with its limits found.
type demand struct {
	wants     []want
	owner     command.Owner
	ttl       int64
	linger    int64
	wait      int64
	family    [16]byte
	anonymous bool
	leased    bool // a lease comes of its grant (S1)
	skipped   []string
}

// want is what a demand asks of one limit.
type want struct {
	limit uint64
	slots int64
	mode  command.Mode
}

// place is where a waiter stands, and for how long.
type place struct {
	deadline   int64
	lapse      int64  // its interest (parted: its place) lapses then
	group      uint64 // unprotected and attached: its group, which knows the park
	park       uint64 // else: the limit it is parked on
	moves      int64
	protection uint64 // the order of protection; 0: unprotected
	staged     bool   // protected, and lacks nothing but decaying limits
	parted     bool
	first      int64 // since when it has been first on its limit; none
}

func (w *waiter) stamp() *uint32  { return &w.epoch }
func (w *waiter) detach()         {}
func (w *waiter) protected() bool { return w.protection != 0 && !w.parted }

// of returns how many slots w asks of a limit.
func (w *waiter) of(limit uint64) int64 {
	for _, n := range w.demand.wants {
		if n.limit == limit {
			return n.slots
		}
	}
	return 0
}

// group is the waiters of equal demands, attached and unprotected, which are
// parked together.
type group struct {
	epoch uint32
	park  uint64
}

func (g *group) stamp() *uint32 { return &g.epoch }
func (g *group) detach()        {}

// requestState is what became of a request.
type requestState uint8

const (
	requestWaiting requestState = iota // ref is the waiter's age
	requestHeld                        // ref is the lease's token
	requestReleased
	requestExpired
	requestForced
	requestAnswered  // result is the answer
	requestTombstone // released or cancelled before it came
	requestLast      = requestTombstone
)

// leaseEnded tells whether the request's lease was held and has ended.
func (r requestState) leaseEnded() bool { return r >= requestReleased && r <= requestForced }

// request is what is remembered of an id, which is its key.
type request struct {
	epoch       uint32
	state       requestState
	fingerprint [16]byte
	ref         uint64
	first       int64       // cluster time of its first record
	end         *requestEnd // nil: it waits, or holds a lease
}

// requestEnd is how a request ended. It never changes.
type requestEnd struct {
	at     int64
	order  uint64 // among all ends
	result command.Result
}

// ending is how the request ended; zero where it has not.
func (r *request) ending() requestEnd {
	if r.end == nil {
		return requestEnd{}
	}
	return *r.end
}

func (r *request) stamp() *uint32 { return &r.epoch }
func (r *request) detach()        {}
