// Package oracle is a second opinion on the rules of limitd: a model of its
// state machine that is slow and meant to be obviously right. It keeps
// everything in plain slices, searches them from end to end, and counts decay
// in rationals of any size. It shares no code with fsm/limit: the tests there
// step both through the same records and compare every answer.
//
// Its parts follow the law, semantics.md: clock.go is T5, decay.go E5 and L8,
// queue.go A2 and A3, acquire.go A1 and section 6, lease.go section 5,
// limits.go section 3; acl.go is api.md, section 6. Where the law leaves room, a comment names the reading.
//
//	m := oracle.New()
//	result, outcomes := m.Apply(1, 1, command.Command{Header: h, Op: &command.Genesis{Settings: s}})
package oracle

import (
	"github.com/limitd/limitd/fsm/command"
)

// Budget is how many events, examinations and items of bulk jobs one record
// may play (semantics.md T5).
const Budget = 4096

// Outcome is the end of a wait, made by any record.
type Outcome struct {
	ID     string
	Age    uint64
	Result command.Result
}

// Model is the whole state. The zero Model is not usable: call New.
type Model struct {
	Budget int  // of each record
	Cut    bool // the last record was cut short on its way

	time      int64 // cluster time, ns
	index     uint64
	term      uint64 // of the newest stamp that was heeded
	termStart int64  // when it was heeded first
	born      bool   // after Genesis
	clusterID [16]byte
	settings  command.Settings
	rules     uint64
	reopens   int64 // when the quarantine ends; 0: there is none

	limits   []*limit   // in the order of their making; deleted ones are gone
	leases   []*lease   // by token
	waiters  []*waiter  // by age
	requests []*request // in the order in which they became known
	jobs     []*job     // bulk work that is not done yet, first in first out
	leaving  int        // deleted limits that are not taken apart yet

	tokens      uint64 // the newest grant's number
	protections uint64 // the newest protection's number
	endings     uint64 // how many requests have ended
	made        uint64 // how many limits were made
	forgotten   int64  // the largest time - window so far

	acl acl // who may do what

	now record // of the record that is being applied
}

// record is what holds only while one record is applied.
type record struct {
	budget   int
	wall     int64
	target   int64 // the record's own time
	outcomes []Outcome
}

// New returns the state before the first record.
func New() *Model { return &Model{Budget: Budget} }

// Time returns the cluster time, ns.
func (m *Model) Time() int64 { return m.time }

// Token returns the newest token that was given.
func (m *Model) Token() uint64 { return m.tokens }

// Working tells whether there are open jobs.
func (m *Model) Working() bool { return len(m.jobs) > 0 }

// Settings returns the replicated settings.
func (m *Model) Settings() command.Settings { return m.settings }

// Apply plays the record that stands at index in the log under term, and
// returns its answer and the waits that it ended.
func (m *Model) Apply(index, term uint64, c command.Command) (command.Result, []Outcome) {
	m.index = index
	m.now = record{budget: m.Budget, wall: c.Wall}
	if c.Term != term {
		return &command.NotRun{WrongTerm: true}, nil
	}
	g, genesis := c.Op.(*command.Genesis)
	switch {
	case genesis && m.born:
		return &command.Done{Replayed: true}, nil // proposed while the first was on its way
	case genesis:
		m.born, m.clusterID, m.settings, m.rules = true, g.ClusterID, g.Settings, g.Rules
	case !m.born:
		return &command.NotRun{}, nil
	}
	m.now.target = max(m.time, c.Stamp)
	if term > m.term {
		m.term, m.termStart = term, m.now.target
	}
	var result command.Result = &command.NotRun{}
	m.Cut = !m.advance(m.now.target)
	if !m.Cut {
		result = m.run(c)
		_ = m.work() && m.settle() // what is cut here goes on in the next record
	}
	m.dropPhases()
	return result, m.now.outcomes
}

// spend takes one unit of the record's budget; false: it is used up.
func (m *Model) spend() bool {
	if m.now.budget == 0 {
		return false
	}
	m.now.budget--
	return true
}

// touches takes the further units that an event or examination of so many limits
// costs: one for each limit, since rules that budget this came into force.
func (m *Model) touches(limits int) {
	if m.rules >= budgeted && limits > 1 {
		m.now.budget = max(0, m.now.budget-limits+1)
	}
}

// run carries out the record's own operation at the present time, once for
// each id.
func (m *Model) run(c command.Command) command.Result {
	if c.Op.Kind().Rules() > m.rules {
		return &command.Problem{Code: command.CodeNotInForce}
	}
	if op, ok := c.Op.(*command.Acquire); ok {
		return m.acquire(c.Header, op)
	}
	return m.once(c, func() command.Result { return m.write(c) })
}

// write carries out what is no acquire.
func (m *Model) write(c command.Command) command.Result {
	switch op := c.Op.(type) {
	case *command.Release:
		return m.release(c.Header, op)
	case *command.Renew:
		return m.renew(op)
	case *command.Cancel:
		return m.cancel(c.Header, op)
	case *command.Interest:
		return m.interest(op)
	case *command.Part:
		return m.part(op)
	case *command.PutLimit:
		return m.putLimit(op)
	case *command.UpdateLimit:
		return m.updateLimit(op)
	case *command.DeleteLimit:
		return m.deleteLimit(op)
	case *command.ResetLimit:
		return m.resetLimit(op)
	case *command.ForceRelease:
		return m.forceRelease(op)
	case *command.Decrement:
		return m.decrement(op)
	case *command.SetActive:
		return m.setActive(op)
	case *command.Disown:
		return m.disown(op)
	case *command.UpdateSettings:
		return m.updateSettings(op)
	case *command.EndQuarantine:
		m.endQuarantine()
	case *command.PutACLPolicy:
		return m.putPolicy(op)
	case *command.DeleteACLPolicy:
		return m.deletePolicy(op)
	case *command.CreateACLToken:
		return m.createToken(op)
	case *command.RotateACLToken:
		return m.rotateToken(op)
	case *command.DeleteACLToken:
		return m.deleteToken(op)
	case *command.BootstrapACL:
		return m.bootstrap(op)
	case *command.SetRules:
		bars := m.rules < budgeted && op.Version >= budgeted
		m.rules = max(m.rules, op.Version)
		for _, l := range m.limits {
			if bars && m.barsNameless(l) {
				m.queueJudging(l)
			}
		}
		return &command.Done{}
	}
	return &command.Done{} // Genesis, Tick, Read, Verify: time has moved, which is all
}
