package oracle

import (
	"math/big"
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
)

// limit is a named pool of slots.
type limit struct {
	number   uint64 // limits are ordered by their making
	uuid     [16]byte
	name     string
	settings command.LimitSettings
	implicit bool
	deleted  bool
	revision uint64
	used     int64 // when an acquire named it last

	holdings []*holding // by token
	gone     *big.Rat   // what has decayed of a slot of the oldest one,
	since    int64      // up to then
	owed     int        // holdings that decay has taken from before others, whose events are to come

	marked  bool // something may give room here
	denied  int64
	average int64 // ns that a slot is held
}

// enforcing tells whether l can stand in anybody's way.
func (l *limit) enforcing() bool { return !l.deleted && l.settings.Active && !l.settings.Shadow }

// limit returns the limit of that name, or nil.
func (m *Model) limit(name string) *limit {
	for _, l := range m.limits {
		if l.name == name {
			return l
		}
	}
	return nil
}

func (m *Model) make(name string, s command.LimitSettings) *limit {
	m.made++
	l := &limit{number: m.made, name: name, settings: s, revision: m.index, used: m.time, gone: new(big.Rat), since: m.time}
	m.limits = append(m.limits, l)
	return l
}

func (m *Model) remove(l *limit) {
	l.deleted = true
	m.limits = slices.DeleteFunc(m.limits, func(o *limit) bool { return o == l })
}

func (m *Model) putLimit(op *command.PutLimit) command.Result {
	l := m.limit(op.Name)
	switch {
	case l == nil && op.IfRevision != nil:
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	case l != nil && op.Mode == command.PutCreate:
		return &command.Problem{Code: command.CodeLimitExists, Limit: op.Name}
	case l != nil && op.Mode == command.PutAbsent:
		return &command.Problem{Code: command.CodeRevisionMismatch, Limit: op.Name, Have: int64(l.revision)}
	}
	if l != nil {
		return m.change(l, op.IfRevision, op.Name, op.Settings)
	}
	if !soundName(op.Name) || !soundSettings(op.Settings) {
		return &command.Problem{Code: command.CodeInvalid, Limit: op.Name}
	}
	if int64(len(m.limits)) >= m.settings.MaxLimits {
		return &command.Problem{Code: command.CodeTooMany}
	}
	v := m.view(m.make(op.Name, op.Settings))
	v.Created = true
	return v
}

// mismatch refuses a write that asks for another revision of l.
func (l *limit) mismatch(want *uint64) *command.Problem {
	if want == nil || *want == l.revision {
		return nil
	}
	return &command.Problem{Code: command.CodeRevisionMismatch, Limit: l.name, Have: int64(l.revision), Want: int64(*want)}
}

// refuseChange says why l cannot have the settings, or nil. Numbered is switched
// at occupied 0 alone (L11).
func (m *Model) refuseChange(l *limit, revision *uint64, name string, s command.LimitSettings) command.Result {
	m.decay(l)
	if p := l.mismatch(revision); p != nil {
		return p
	}
	switch {
	case !soundName(name), !soundSettings(s):
		return &command.Problem{Code: command.CodeInvalid, Limit: name}
	case name != l.name && m.limit(name) != nil:
		return &command.Problem{Code: command.CodeLimitExists, Limit: name}
	case l.settings.Numbered != s.Numbered && l.held() > 0:
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name}
	}
	return nil
}

func (m *Model) updateLimit(op *command.UpdateLimit) command.Result {
	l := m.limit(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	s := command.LimitSettings{
		Slots: or(op.Slots, l.settings.Slots), Active: or(op.Active, l.settings.Active), Rate: or(op.Rate, l.settings.Rate),
		Shadow: or(op.Shadow, l.settings.Shadow), Numbered: or(op.Numbered, l.settings.Numbered), Grace: or(op.Grace, l.settings.Grace),
		Description: or(op.Description, l.settings.Description), Labels: relabel(l.settings.Labels, op.Labels),
	}
	return m.change(l, op.IfRevision, or(op.NewName, l.name), s)
}

func or[T any](new *T, old T) T {
	if new != nil {
		return *new
	}
	return old
}

func relabel(labels []command.Pair, p *command.LabelPatch) []command.Pair {
	if p == nil {
		return labels
	}
	var list []command.Pair
	for _, l := range labels {
		named := func(o command.Pair) bool { return o.Key == l.Key }
		if !p.Clear && !slices.ContainsFunc(p.Set, named) && !slices.Contains(p.Delete, l.Key) {
			list = append(list, l)
		}
	}
	list = append(list, p.Set...)
	slices.SortFunc(list, func(a, b command.Pair) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// change gives l new settings, and does what follows of them (L2 to L8).
func (m *Model) change(l *limit, revision *uint64, name string, s command.LimitSettings) command.Result {
	if p := m.refuseChange(l, revision, name, s); p != nil {
		return p
	}
	old, enforced := l.settings, l.enforcing()
	m.changeRate(l, s.Rate)
	l.name, l.settings, l.implicit, l.revision = name, s, false, m.index
	stopped := !old.Rate.IsZero() && s.Rate.IsZero()
	bars := m.rules >= budgeted && m.barsNameless(l) && !(old.Numbered && old.Active)
	if l.enforcing() && (!enforced || s.Slots < old.Slots || stopped) || bars {
		m.queueJudging(l)
	}
	if stopped {
		m.queueDrops(l, func(h *holding) bool { return h.kind == rated })
	}
	if old.Rate.IsZero() != s.Rate.IsZero() {
		for _, x := range m.waiters {
			if x.prot > 0 && !x.parted && x.names(l) {
				m.stage(x)
			}
		}
	}
	l.marked = true
	return m.view(l)
}

func (m *Model) deleteLimit(op *command.DeleteLimit) command.Result {
	l := m.limit(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	if p := l.mismatch(op.IfRevision); p != nil {
		return p
	}
	m.decay(l)
	m.remove(l)
	for _, x := range m.waiters {
		if x.names(l) {
			m.jobs = append(m.jobs, &job{do: func() { m.judgeDeleted(x, l) }})
		}
	}
	m.queueDrops(l, func(*holding) bool { return true })
	m.leaving++
	m.jobs = append(m.jobs, &job{do: func() { m.leaving-- }})
	return &command.Done{}
}

func (m *Model) resetLimit(op *command.ResetLimit) command.Result {
	l := m.limit(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	m.decay(l)
	freed := l.held()
	m.queueDrops(l, func(*holding) bool { return true })
	return &command.Freed{Slots: freed}
}

// view answers with l as it stands.
func (m *Model) view(l *limit) *command.Limit {
	m.decay(l)
	v := &command.Limit{
		UUID: l.uuid, Name: l.name, Settings: l.settings, Implicit: l.implicit, Revision: l.revision,
		Occupied: l.held(), Denied: l.denied, AvgOccupancy: l.average,
	}
	for _, x := range m.waiters {
		if x.names(l) {
			v.Waiting++
		}
	}
	return v
}

// setActive leaves max(0, v - leased) anonymous slots (S7).
func (m *Model) setActive(op *command.SetActive) command.Result {
	l := m.limit(op.Name)
	if l == nil {
		return &command.Problem{Code: command.CodeLimitNotFound, Limit: op.Name}
	}
	m.decay(l)
	var others, nameless int64
	for _, h := range l.holdings {
		if h.kind == anonymous {
			nameless += h.slots
		} else {
			others += h.slots
		}
	}
	left := max(0, op.Slots-others)
	var promised int64
	switch {
	case l.settings.Numbered && left > 0:
		return &command.Problem{Code: command.CodeInvalid, Limit: l.name}
	case left < nameless:
		promised = m.giveBack(l, nameless-left)
	case left > nameless:
		m.tokens++
		m.occupy(l, anonymous, left-nameless)
	}
	v := m.view(l)
	v.Occupied -= promised
	return v
}

// decrement gives back anonymous slots, oldest first.
func (m *Model) decrement(op *command.Decrement) command.Result {
	answer := &command.Limits{}
	promised := map[*limit]int64{}
	for _, e := range op.Entries {
		if l := m.limit(e.Name); l != nil {
			promised[l] += m.giveBack(l, e.Slots)
			if op.Occupied > 0 {
				l.sample(op.Occupied)
			}
			v := m.view(l)
			v.Occupied -= promised[l]
			answer.Limits = append(answer.Limits, *v)
		}
	}
	return answer
}

// giveBack gives back n anonymous slots of l, oldest first, and returns how many
// of them it left to queued jobs: all, since rules that budget this came into
// force, one for each holding that it takes from.
func (m *Model) giveBack(l *limit, n int64) (promised int64) {
	m.decay(l)
	for _, h := range slices.Clone(l.holdings) {
		part := min(n, h.slots-h.promised)
		if h.kind != anonymous || part <= 0 {
			continue
		}
		n -= part
		if m.rules < budgeted {
			m.takeBack(l, h, part)
			continue
		}
		promised += part
		h.promised += part
		m.jobs = append(m.jobs, &job{do: func() {
			h.promised -= part
			m.takeBack(l, h, part)
		}})
	}
	return promised
}

func (m *Model) takeBack(l *limit, h *holding, part int64) {
	l.marked = true
	if part == h.slots {
		m.drop(l, h)
		return
	}
	m.decay(l)
	h.slots -= part
}

func (m *Model) updateSettings(op *command.UpdateSettings) command.Result {
	for _, c := range op.Set {
		if !soundSetting(c) {
			return &command.Problem{Code: command.CodeInvalid}
		}
	}
	m.settings = m.settings.With(op.Set)
	m.forgotten = max(m.forgotten, m.time-m.settings.Remember)
	return &command.SettingsNow{Settings: m.settings}
}
