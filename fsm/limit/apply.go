package limit

import (
	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// Apply plays the record c, which stands at index in the log under term.
//
// The result is *command.NotRun where the record had no effect and is to be
// proposed again: it was stamped in another term, or comes before Genesis, or
// so much fell due that its turn did not come (T1, T5).
func (s *State) Apply(index, term uint64, c command.Command) Applied {
	s.index = index
	if c.Term != term {
		return Applied{Result: &command.NotRun{WrongTerm: true}}
	}
	if genesis, ok := c.Op.(*command.Genesis); ok {
		return Applied{Result: s.genesis(c.Header, genesis)}
	}
	if s.id == [16]byte{} {
		return Applied{Result: &command.NotRun{}}
	}
	s.begin(c.Header)
	var result command.Result = &command.NotRun{}
	s.record.cut = !s.play(s.record.target)
	if !s.record.cut {
		s.noteForgotten()
		result = s.command(c)
		if s.runJobs() {
			s.settleQueue()
		}
	}
	return s.end(result)
}

// begin opens the scope of a record, and heeds its term.
func (s *State) begin(h command.Header) {
	target := max(s.now, h.Stamp)
	s.record = recordScope{index: s.index, start: s.now, target: target, wall: h.Wall, budget: s.budget}
	if h.Term > s.term {
		s.term, s.termStart = h.Term, target
	}
	s.lookAgain()
}

func (s *State) end(result command.Result) Applied {
	s.afterSettling()
	s.endInstant()
	s.noteForgotten()
	s.lookForDraining()
	return Applied{Result: result, Outcomes: s.record.outcomes, Expired: s.record.expired}
}

// noteForgotten keeps the newest instant before which an id may have been
// forgotten: it is known before this record's own command looks for its id.
func (s *State) noteForgotten() {
	s.forgotten = max(s.forgotten, s.now-s.settings.Remember)
}

// genesis begins the cluster. A second one, proposed while the first was on
// its way, changes nothing.
func (s *State) genesis(h command.Header, g *command.Genesis) command.Result {
	if s.id != [16]byte{} {
		return &command.Done{Replayed: true}
	}
	s.id, s.settings, s.rules = g.ClusterID, g.Settings, g.Rules
	s.begin(h)
	s.now = s.record.target
	return &command.Done{}
}

// command runs a record's own operation, once for each id (section 6).
func (s *State) command(c command.Command) command.Result {
	if c.Op.Kind().Rules() > s.rules {
		return &command.Problem{Code: command.CodeNotInForce, Detail: "the operation needs a rules version that is not in force yet"}
	}
	if op, ok := c.Op.(*command.Acquire); ok {
		return s.acquire(c.Header, op)
	}
	if c.ID == "" || c.ID == named(c.Op) {
		return s.run(c.Header, c.Op)
	}
	mark := fingerprint(c.Op)
	if r := s.request(c.ID); r != nil {
		return r.replay(mark)
	}
	if p := s.refuseNew(c.Header); p != nil {
		return p
	}
	result := s.run(c.Header, c.Op)
	if _, refused := result.(*command.Problem); !refused {
		s.remember(c.ID, mark, result)
	}
	return result
}

// named returns the id that op ends. An operation under that same id is
// remembered with it, and harmless to repeat.
func named(op command.Op) string {
	switch op := op.(type) {
	case *command.Release:
		return op.ID
	case *command.Cancel:
		return op.ID
	}
	return ""
}

// run is the table of operations: where each one's rules are.
func (s *State) run(h command.Header, op command.Op) command.Result {
	switch op := op.(type) {
	case *command.Release:
		return s.release(h, op)
	case *command.Renew:
		return s.renew(op)
	case *command.Cancel:
		return s.cancel(h, op)
	case *command.Interest:
		return s.interest(op)
	case *command.Part:
		return s.part(op)
	case *command.PutLimit:
		return s.putLimit(op)
	case *command.UpdateLimit:
		return s.updateLimit(op)
	case *command.DeleteLimit:
		return s.deleteLimit(op)
	case *command.ResetLimit:
		return s.resetLimit(op)
	case *command.ForceRelease:
		return s.forceRelease(op)
	case *command.Decrement:
		return s.decrement(op)
	case *command.SetActive:
		return s.setActive(op)
	case *command.Disown:
		return s.disown(op)
	case *command.UpdateSettings:
		return s.updateSettings(op)
	case *command.SetRules:
		return s.setRules(op)
	case *command.PutACLPolicy, *command.DeleteACLPolicy, *command.CreateACLToken,
		*command.RotateACLToken, *command.DeleteACLToken, *command.BootstrapACL:
		return s.acl.Apply(acl.At{Index: s.index, Time: s.now, Wall: s.record.wall}, op)
	case *command.EndQuarantine:
		s.endQuarantine()
	}
	return &command.Done{} // Tick, Read, Verify: time has moved, which is all
}
