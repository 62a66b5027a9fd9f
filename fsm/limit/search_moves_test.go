package limit_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// moveKind is what can happen in a scope.
type moveKind uint8

const (
	moveRelease  moveKind = iota // lease n
	moveExpire                   // lease n, whose end comes
	moveCancel                   // waiter n
	moveLapse                    // waiter n, whose interest lapses
	moveDeadline                 // waiter n, whose deadline comes
	movePart                     // waiter n
	moveReturn                   // waiter n, which was parted
	moveRenew                    // waiter n: interest
	moveArrive                   // a newcomer of demand n
	moveTagged                   // a newcomer of demand n, whose wait is followed
	moveTry                      // one that does not wait
	moveResize                   // limit a, to n slots
	moveToggle                   // limit a: active or not
	moveTick                     // time moves on
	movePatience                 // somebody's patience ends, with nothing else
)

func (k moveKind) String() string {
	return [...]string{
		"release lease", "expire lease", "cancel waiter", "lapse waiter", "deadline of waiter", "part waiter", "take up waiter",
		"renew waiter", "newcomer of demand", "followed newcomer of demand", "try of demand", "resize a to", "toggle a", "tick", "patience ends",
	}[k]
}

// move is one thing that happens. Where moves are not counted, late says for
// which waiters the next move is the eighth: one bit each.
type move struct {
	kind    moveKind
	n, late uint8
}

func (m move) String() string {
	text := fmt.Sprint(m.kind)
	if m.kind < moveToggle {
		text += fmt.Sprint(" ", m.n)
	}
	if m.late != 0 {
		text += fmt.Sprintf(", the eighth move for waiters %b", m.late)
	}
	return text
}

// moves lists what can happen in sc.
func (w *world) moves(list []move, sc *limit.Scene) []move {
	add := func(k moveKind, n int) { list = append(list, move{kind: k, n: uint8(n)}) }
	for i := range sc.Leases {
		if i > 0 && !w.ordered() && sc.Leases[i].Demand == sc.Leases[i-1].Demand && sc.Leases[i].Uncounted == sc.Leases[i-1].Uncounted {
			continue // one like the other
		}
		add(moveRelease, i)
		if w.ways {
			add(moveExpire, i)
		}
	}
	tagged, parted := false, 0
	for i := range sc.Waiters {
		tagged = tagged || sc.Waiters[i].Tagged
		parted += int(bit(sc.Waiters[i].Parted, 1))
	}
	for i := range sc.Waiters {
		w.waiterMoves(add, i, &sc.Waiters[i], parted < w.parted)
	}
	for d := range w.callers {
		if len(sc.Waiters) < w.waiters && len(sc.Leases) < w.leases {
			add(moveArrive, d)
			if w.tag && !tagged {
				add(moveTagged, d)
			}
		}
		if w.ways && len(sc.Leases) < w.leases {
			add(moveTry, d)
		}
	}
	return w.limitMoves(list, sc)
}

func (w *world) waiterMoves(add func(moveKind, int), i int, x *limit.SceneWaiter, parts bool) {
	if w.renew {
		add(moveRenew, i)
	}
	if x.Tagged {
		return
	}
	add(moveCancel, i)
	if w.ways {
		add(moveLapse, i)
		add(moveDeadline, i)
	}
	switch {
	case x.Parted:
		add(moveReturn, i)
	case parts:
		add(movePart, i)
	}
}

func (w *world) limitMoves(list []move, sc *limit.Scene) []move {
	if a := &sc.Limits[0]; w.resize[1] > 0 {
		for _, slots := range [...]int64{a.Slots - 1, a.Slots + 1} {
			if slots >= w.resize[0] && slots <= w.resize[1] {
				list = append(list, move{kind: moveResize, n: uint8(slots)})
			}
		}
	}
	if w.toggle {
		list = append(list, move{kind: moveToggle})
	}
	if w.timed > 0 {
		return append(list, move{kind: moveTick})
	}
	if len(w.limits) > 1 && slices.ContainsFunc(sc.Waiters, func(x limit.SceneWaiter) bool { return x.First == sc.Now }) {
		list = append(list, move{kind: moveTick})
	}
	if _, waits := earliest(sc); waits {
		list = append(list, move{kind: movePatience})
	}
	return list
}

// earliest is since when the waiter whose patience ends next is first.
func earliest(sc *limit.Scene) (first int64, ok bool) {
	for i := range sc.Waiters {
		if f := sc.Waiters[i].First; f >= 0 && (!ok || f < first) {
			first, ok = f, true
		}
	}
	return first, ok
}

const moment = int64(time.Millisecond)

// set sets sc's times so that m falls due in a moment, and says when m happens.
func (w *world) set(sc *limit.Scene, m move) (at int64) {
	switch m.kind {
	case moveExpire:
		sc.Leases[m.n].End = sc.Now + moment
	case moveLapse:
		sc.Waiters[m.n].Lapse = sc.Now + moment
	case moveDeadline:
		sc.Waiters[m.n].Deadline = sc.Now + moment
	case moveTick:
		if w.timed > 0 {
			return sc.Now + int64(w.timed)
		}
	case movePatience:
		first, _ := earliest(sc)
		return first + w.base.real.Settings().Patience
	default:
		return sc.Now
	}
	return sc.Now + moment
}

// command is the record of m in sc, at an instant; a newcomer's id is given.
func (w *world) command(sc *limit.Scene, m move, at int64, id string) command.Command {
	c := command.Command{Header: command.Header{Stamp: at, Accepted: at, Term: 1}}
	n := int(m.n)
	switch m.kind {
	case moveRelease:
		c.Op = &command.Release{Token: sc.Leases[n].Token}
	case moveCancel:
		c.Op = &command.Cancel{ID: sc.Waiters[n].ID}
	case movePart:
		c.Op = &command.Part{ID: sc.Waiters[n].ID, Lapse: w.acquires[0].Linger}
	case moveReturn:
		c.ID, c.Op = sc.Waiters[n].ID, &w.acquires[sc.Waiters[n].Demand]
	case moveRenew:
		c.Op = &command.Interest{Ages: []uint64{sc.Waiters[n].Age}}
	case moveArrive, moveTagged, moveTry:
		a := w.acquires[n]
		c.ID, c.Op = id, &a
		if m.kind == moveTry {
			a.Wait = 0
		}
		if m.kind == moveTagged {
			a.Owner.Host = "tagged"
		}
	case moveResize:
		slots := int64(n)
		c.Op = &command.UpdateLimit{Name: "a", Slots: &slots}
	case moveToggle:
		active := sc.Limits[0].Inactive
		c.Op = &command.UpdateLimit{Name: "a", Active: &active}
	default:
		c.Op = &command.Tick{}
	}
	return c
}
