package limit

import (
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
)

// putLimit makes a limit, or replaces its settings.
func (s *State) putLimit(op *command.PutLimit) command.Result {
	l := s.named(op.Name)
	switch {
	case l == nil && op.IfRevision != nil:
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	case l == nil:
		return s.createLimit(op)
	case op.Mode == command.PutCreate:
		return &command.Problem{Code: command.CodeLimitExists, Limit: op.Name}
	case op.Mode == command.PutAbsent:
		return &command.Problem{Code: command.CodeRevisionMismatch, Limit: op.Name, Have: int64(l.revision)}
	}
	return s.change(l, op.IfRevision, l.name, op.Settings)
}

func (s *State) createLimit(op *command.PutLimit) command.Result {
	if p := invalidLimit(op.Name, op.Settings); p != nil {
		return p
	}
	if int64(s.limits.len()) >= s.settings.MaxLimits {
		return &command.Problem{Code: command.CodeTooMany, Have: s.settings.MaxLimits, Detail: "there are as many limits as max_limits allows"}
	}
	shown := s.show(s.newLimit(op.Name, op.Settings))
	shown.Created = true
	return &shown
}

func invalidLimit(name string, set command.LimitSettings) *command.Problem {
	err := CheckName(name)
	if err == nil {
		err = CheckSettings(set)
	}
	if err == nil {
		return nil
	}
	return &command.Problem{Code: command.CodeInvalid, Limit: name, Detail: err.Error()}
}

func (s *State) newLimit(name string, set command.LimitSettings) *limitRow {
	s.lastLimit++
	l := &limitRow{
		seq: s.lastLimit, uuid: s.uuid(s.lastLimit), name: name, set: set, revision: s.record.index,
		createdWall: s.record.wall, updatedWall: s.record.wall,
	}
	s.limits.put(l.seq, l, s.epoch)
	s.names.Set(name, l.seq)
	return l
}

// createImplicit makes the limit that an acquire named and nobody had made (L3).
func (s *State) createImplicit(name string) *limitRow {
	l := s.newLimit(name, command.LimitSettings{Slots: 1, Rate: command.Rate{Text: "0/s"}})
	l.implicit, l.used = true, s.now
	s.implicit++
	s.unused.add(uint64(l.used), l.seq)
	return l
}

// rearm starts the time after which an unused implicit limit is collected.
func (s *State) rearm(l *limitRow) {
	s.unused.remove(uint64(l.used), l.seq)
	l.used = s.now
	s.unused.add(uint64(l.used), l.seq)
}

// collectFirst removes the implicit limit that was unused for the longest,
// unless a lease or a waiter names it.
func (s *State) collectFirst() {
	p, _ := s.unused.min()
	l := s.limit(p.b)
	if l.refs > 0 {
		s.rearm(l)
		return
	}
	for token, h := s.oldest(l.seq); h != nil; token, h = s.oldest(l.seq) {
		s.freeHolding(l, token) // at most one: slots that nobody owns
	}
	s.forgetName(l)
	s.limits.delete(l.seq)
}

// forgetName takes a limit out of all that finds it by name.
func (s *State) forgetName(l *limitRow) {
	s.names.Delete(l.name)
	s.makeExplicit(l)
}

func (s *State) makeExplicit(l *limitRow) {
	if !l.implicit {
		return
	}
	l.implicit = false
	s.implicit--
	s.unused.remove(uint64(l.used), l.seq)
}

// updateLimit changes some settings.
func (s *State) updateLimit(op *command.UpdateLimit) command.Result {
	l := s.named(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	set := l.set
	assign(&set.Slots, op.Slots)
	assign(&set.Active, op.Active)
	assign(&set.Rate, op.Rate)
	assign(&set.Shadow, op.Shadow)
	assign(&set.Numbered, op.Numbered)
	assign(&set.Grace, op.Grace)
	assign(&set.Description, op.Description)
	set.Labels = patchLabels(set.Labels, op.Labels)
	name := l.name
	assign(&name, op.NewName)
	return s.change(l, op.IfRevision, name, set)
}

func assign[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func patchLabels(labels []command.Pair, patch *command.LabelPatch) []command.Pair {
	if patch == nil {
		return labels
	}
	drop := func(p command.Pair) bool {
		return patch.Clear || slices.Contains(patch.Delete, p.Key) ||
			slices.ContainsFunc(patch.Set, func(n command.Pair) bool { return n.Key == p.Key })
	}
	labels = append(slices.DeleteFunc(slices.Clone(labels), drop), patch.Set...)
	slices.SortFunc(labels, func(x, y command.Pair) int { return strings.Compare(x.Key, y.Key) })
	return labels
}

// change gives a limit new settings, and lets its waiters feel it (L2, L5 to L8).
func (s *State) change(l *limitRow, revision *uint64, name string, set command.LimitSettings) command.Result {
	if p := s.refuseChange(l, revision, name, set); p != nil {
		return p
	}
	old := l.set
	if !old.Rate.Same(set.Rate) {
		s.rescale(l, set.Rate.Den)
	}
	if name != l.name {
		s.names.Delete(l.name)
		l.name = name
		s.names.Set(name, l.seq)
	}
	s.makeExplicit(l)
	l.set, l.revision, l.updatedWall = set, s.record.index, s.record.wall
	s.changed(l, old)
	shown := s.show(l)
	return &shown
}

func (s *State) refuseChange(l *limitRow, revision *uint64, name string, set command.LimitSettings) *command.Problem {
	if revision != nil && *revision != l.revision {
		return &command.Problem{Code: command.CodeRevisionMismatch, Limit: l.name, Have: int64(l.revision), Want: int64(*revision)}
	}
	if p := invalidLimit(name, set); p != nil {
		return p
	}
	if _, taken := s.names.Get(name); taken && name != l.name {
		return &command.Problem{Code: command.CodeLimitExists, Limit: name}
	}
	s.settle(l)
	if set.Numbered != l.set.Numbered && l.held > 0 {
		return &command.Problem{
			Code: command.CodeInvalid, Limit: l.name, Have: l.held,
			Detail: "numbered can be switched only while no slot of the limit is occupied",
		}
	}
	return nil
}

// changed lets the queue feel a limit's new settings.
func (s *State) changed(l *limitRow, old command.LimitSettings) {
	s.drainsLess(l)
	if l.decays() && l.held > 0 {
		s.drains(l)
	}
	s.watchOldest(l)
	if l.decays() == old.Rate.IsZero() {
		s.rekeep(l)
	}
	wasEnforcing := old.Active && !old.Shadow
	stopsDecay := !old.Rate.IsZero() && !l.decays()
	barsNameless := s.rules >= rules2 && s.refusesAnonymous(l) && !(old.Numbered && old.Active)
	if l.enforcing() && (!wasEnforcing || l.set.Slots < old.Slots || stopsDecay) || barsNameless {
		s.addJob(jobJudge, l.seq)
	}
	if stopsDecay {
		s.addJob(jobRates, l.seq)
	}
	s.mark(l.seq)
}

// deleteLimit removes a limit: leases lose it, its waiters are told (L9).
func (s *State) deleteLimit(op *command.DeleteLimit) command.Result {
	l := s.named(op.Name)
	switch {
	case l == nil:
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	case op.IfRevision != nil && *op.IfRevision != l.revision:
		return &command.Problem{Code: command.CodeRevisionMismatch, Limit: l.name, Have: int64(l.revision), Want: int64(*op.IfRevision)}
	}
	if s.rules >= rules2 {
		s.settle(l) // what has decayed is no item of the job
	}
	s.forgetName(l)
	l.deleted = true
	s.watchOldest(l)
	s.addJob(jobJudge, l.seq)
	s.addJob(jobEmpty, l.seq)
	s.addJob(jobRemove, l.seq)
	return &command.Done{}
}

// resetLimit ends all claims on a limit (L10).
func (s *State) resetLimit(op *command.ResetLimit) command.Result {
	l := s.named(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	s.settle(l)
	if l.held > 0 {
		s.addJob(jobEmpty, l.seq)
	}
	return &command.Freed{Slots: l.held}
}

// show describes a limit as it stands.
func (s *State) show(l *limitRow) command.Limit {
	shown := command.Limit{
		UUID: l.uuid, Name: l.name, Settings: l.set, Implicit: l.implicit, Revision: l.revision,
		CreatedWall: l.createdWall, UpdatedWall: l.updatedWall,
		Occupied: l.occupiedAt(s.now), Denied: l.denied, AvgOccupancy: l.average,
	}
	if q := s.lines[l.seq]; q != nil {
		shown.Waiting = q.waiting
	}
	return shown
}
