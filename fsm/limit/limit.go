// Package limit holds the rules of limitd as a pure function of state and
// command: limits, leases, the queue, decay, cluster time, and what is
// remembered of requests. The law that it follows is docs/semantics.md, whose
// clauses (E1, T5, A2, ...) the comments here name.
//
// It promises that every node which applied the same records holds the same
// state: nothing here reads a clock, a random number or a setting of a node,
// starts a goroutine, or lets the order of a map show.
//
//	s := limit.New()
//	s.Apply(1, 1, command.Command{Header: h, Op: &command.Genesis{...}})
//	a := s.Apply(2, 1, command.Command{Header: h, Op: &command.Acquire{...}})
//	switch r := a.Result.(type) {
//	case *command.Granted: // r.Token ...
//	}
//
// Where to look: apply.go (one record), play.go (what falls due), settle.go
// (the queue rule: who is granted next), acquire.go and grant.go (where a slot
// is granted), holding.go and decay.go (what is occupied), jobs.go (bulk
// effects), remember.go (exactly once), quarantine.go (after a restore), snapshot.go.
package limit

import (
	"cmp"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/tidwall/btree"
)

// Rules is the newest rules version that this package knows (semantics.md T8).
// Version 2 budgets what version 1 did in one record whatever it was: the decay
// of many holdings, the giving back of many anonymous ones, and what concerns
// many limits at once. Version 3 brings Disown, and tokens and policies, version
// 4 the quarantine.
const Rules = 4 + command.ToCome

const rules2 = 2

// budget is how many events, examinations and items of bulk effects one record
// may play (semantics.md T5); one that concerns several limits counts for each.
const budget = 4096

// State is the replicated state. It is not safe for concurrent use, except
// that a Snapshot may be read while the State moves on.
//
// Rows are read with get by what only reads, and with own by all that runs
// inside Apply, so that a snapshot's rows never change.
type State struct {
	clock
	cluster

	limits   table[uint64, limitRow, *limitRow]
	holdings table[pair, holding, *holding] // by limit, token
	leases   table[uint64, lease, *lease]   // by token
	waiters  table[uint64, waiter, *waiter] // by age
	groups   table[uint64, group, *group]   // by number
	requests table[string, request, *request]
	jobs     []job
	acl      acl.State

	queue    // indexes and marks of the queue
	indexes  // the others
	draining // which limits decay empty, and when

	epoch   uint32 // rows of an older epoch may be shared with a snapshot
	budget  int    // what one record may play
	record  recordScope
	emptied []uint64 // decaying limits that ran empty at this instant, their phase kept
}

// clock is cluster time.
type clock struct {
	index     uint64 // of the last record
	now       int64  // cluster time, ns
	term      uint64 // of the newest stamp that was heeded
	termStart int64  // cluster time at which that term was first heard of
	forgotten int64  // requests that ended before this may have been forgotten
}

// cluster is what the whole cluster agrees on, and its counters.
type cluster struct {
	id        [16]byte
	settings  command.Settings
	rules     uint64
	lastToken uint64
	lastLimit uint64 // number of the newest limit
	lastPlace uint64 // order of the newest protection
	lastEnd   uint64 // order of the newest end of a request
	lastGroup uint64
	implicit  int64 // how many implicit limits there are

	quarantine int64 // cluster time at which it ends (S8); 0: there is none
}

// recordScope is what belongs to the record that is being applied.
type recordScope struct {
	index    uint64
	start    int64 // cluster time before it
	target   int64 // cluster time at which its command runs
	wall     int64
	budget   int
	cut      bool // its turn did not come (T5)
	outcomes []Outcome
	expired  int // leases
}

// indexes find what the tables hold; they are made anew after a restore.
type indexes struct {
	names     *btree.Map[string, uint64] // limit by name
	ends      pairs                      // leases by end
	graces    *btree.BTreeG[graceEnd]    // holdings in grace by their end
	nameless  pairs                      // (limit, token) of anonymous holdings
	deadlines pairs                      // waiters by deadline
	lapses    pairs                      // waiters by lapse
	firsts    pairs                      // waiters by the time since when they are first
	decays    pairs                      // limits by the time at which decay may let a waiter through
	oldests   pairs                      // limits of several holdings by the time at which decay has taken the oldest
	unused    pairs                      // implicit limits by last use
	ended     fifo[ending]               // requests by their end
	endedBy   *btree.Map[uint64, string] // ids of ended leases, by token
	families  *btree.BTreeG[kin]         // parted waiters, by family and age
}

// ending is an ended request that will be forgotten.
type ending struct {
	at int64
	id string
}

// Applied is what one record did.
type Applied struct {
	Result   command.Result
	Outcomes []Outcome
	Expired  int // leases whose time ran out
}

// Outcome is the end of a wait, made by any record.
type Outcome struct {
	ID     string
	Age    uint64
	Result command.Result // *Granted, *Denied (Expired) or *Problem
}

// New returns the state before the first record.
func New() *State {
	return &State{
		limits:   newTable[uint64, limitRow](cmp.Less[uint64]),
		holdings: newTable[pair, holding](pair.less),
		leases:   newTable[uint64, lease](cmp.Less[uint64]),
		waiters:  newTable[uint64, waiter](cmp.Less[uint64]),
		groups:   newTable[uint64, group](cmp.Less[uint64]),
		requests: newTable[string, request](cmp.Less[string]),
		queue:    newQueue(),
		indexes:  newIndexes(),
		draining: draining{limits: newPairs()},
		epoch:    1,
		budget:   budget,
	}
}

func newIndexes() indexes {
	return indexes{
		names: new(btree.Map[string, uint64]), endedBy: new(btree.Map[uint64, string]),
		graces: btree.NewBTreeGOptions(graceEnd.less, btree.Options{NoLocks: true}),
		ends:   newPairs(), nameless: newPairs(), deadlines: newPairs(), lapses: newPairs(),
		firsts: newPairs(), decays: newPairs(), oldests: newPairs(), unused: newPairs(),
		families: btree.NewBTreeGOptions(kin.less, btree.Options{NoLocks: true}),
	}
}

// Time returns cluster time, in ns.
func (s *State) Time() int64 { return s.now }

// Token returns the newest token that was given; 0: none was.
func (s *State) Token() uint64 { return s.lastToken }

// Index returns the index of the last record.
func (s *State) Index() uint64 { return s.index }

// Term returns the raft term of the newest stamp that was heeded.
func (s *State) Term() uint64 { return s.term }

// ClusterID returns the cluster's id: zero before Genesis.
func (s *State) ClusterID() [16]byte { return s.id }

// Settings returns the replicated settings.
func (s *State) Settings() command.Settings { return s.settings }

// Rules returns the rules version in force.
func (s *State) Rules() uint64 { return s.rules }

// ACL returns the tokens and policies, to be read only.
func (s *State) ACL() *acl.State { return &s.acl }

// Counts returns the sizes of the state.
func (s *State) Counts() Counts {
	return Counts{
		Limits: s.limits.len(), Leases: s.leases.len(), Waiters: s.waiters.len(),
		Remembered: s.requests.len(), Holdings: s.holdings.len(),
	}
}

// limit returns a limit for use inside Apply, or nil.
func (s *State) limit(seq uint64) *limitRow { return s.limits.own(seq, s.epoch) }

// waiter returns a waiter for use inside Apply, or nil.
func (s *State) waiter(age uint64) *waiter { return s.waiters.own(age, s.epoch) }

// named returns the limit of that name for use inside Apply, or nil.
func (s *State) named(name string) *limitRow {
	seq, ok := s.names.Get(name)
	if !ok {
		return nil
	}
	return s.limit(seq)
}
