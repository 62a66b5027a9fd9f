package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// trickle is a limit of a rate, and those who ask for its tokens without a pause.
type trickle struct {
	perSecond, burst, callers int
	turns                     bool // tokens are rare enough for callers to have them by turns
	fuzz                      int  // how many tokens come while a grant is on its way to its caller
}

// rates measures what is admitted within a minute, and of whom.
func (b *trial) rates(ctx context.Context) error {
	var limited []*system
	for _, s := range b.systems {
		if !s.instant {
			limited = append(limited, s)
		}
	}
	for _, t := range []trickle{{1, 1, 1, true, 0}, {1, 1, 20, true, 0}, {1, 1, 100, true, 0}, {50, 10, 20, false, 1}} {
		if err := b.rate(ctx, t, limited); err != nil {
			return err
		}
	}
	return nil
}

// rate lets all systems admit the callers. A single caller is next to no load, so
// that all systems have theirs at one time.
func (b *trial) rate(ctx context.Context, t trickle, systems []*system) error {
	reports, errs := make([]report, len(systems)), make([]error, len(systems))
	var together sync.WaitGroup
	for i, s := range systems {
		together.Go(func() {
			reports[i], errs[i] = s.fromNow(ctx, fmt.Sprintf("rate-%d-%d", t.perSecond, t.callers), crew{
				program: "rate", processes: t.callers, slots: t.burst, decay: float64(t.perSecond), bound: b.size.minute + 2*time.Second,
			})
		})
		if t.callers > 1 {
			together.Wait()
		}
	}
	together.Wait()
	for i, s := range systems {
		if errs[i] != nil {
			return fmt.Errorf("%s: %w", s.name, errs[i])
		}
		b.admitted(t, s, reports[i])
	}
	return nil
}

// admitted tells what a system admitted.
func (b *trial) admitted(t trickle, s *system, r report) {
	exact := t.burst + t.perSecond*int(b.size.minute.Seconds())
	work := fmt.Sprintf("admitted in %.0f s, %d is exact: %d/s on %s, %s", b.size.minute.Seconds(), exact,
		t.perSecond, count(t.burst, "slot", "slots"), count(t.callers, "caller", "callers"))
	// Half a token's time is left for a grant to be heard of.
	a := admit(r.Said, t.callers, b.size.minute+time.Second/time.Duration(2*t.perSecond))
	b.log("%s, %s: %s", work, s.name, a.tell(t))
	b.note(s, work, r.failures())
	b.table.set(work, s.name, a.tell(t))
	if s.name != "limitd" {
		return
	}
	want := fmt.Sprintf("= %d", exact)
	if t.fuzz > 0 {
		want += fmt.Sprintf(" +- %d", t.fuzz)
	}
	b.aim(work, want, fmt.Sprint(a.total), a.total-exact <= t.fuzz && exact-a.total <= t.fuzz)
	if t.turns && t.callers > 1 {
		b.aim("the same; callers passed over", "= 0", fmt.Sprint(a.passed), a.passed == 0)
	}
}

// admission is what was admitted, and of whom.
type admission struct {
	total       int
	least, most int // of one caller
	none        int // callers who got nothing
	passed      int // callers who got two fewer than another: somebody was let in before them out of turn
}

// tell writes it as a cell of the table.
func (a admission) tell(t trickle) string {
	switch {
	case t.callers == 1:
		return fmt.Sprint(a.total)
	case !t.turns:
		return fmt.Sprintf("%d; a caller %d to %d", a.total, a.least, a.most)
	}
	return fmt.Sprintf("%d; a caller %d to %d, passed over %d, none for %d", a.total, a.least, a.most, a.passed, a.none)
}

// admit counts what was granted within a window that begins with the first grant.
func admit(grants []said, callers int, window time.Duration) admission {
	if len(grants) == 0 {
		return admission{none: callers}
	}
	first := slices.MinFunc(grants, func(x, y said) int { return int(1e9 * (x.value - y.value)) })
	var a admission
	each := make([]int, callers)
	for _, g := range grants {
		if seconds(g.value-first.value) <= window {
			each[g.caller]++
			a.total++
		}
	}
	a.least, a.most = slices.Min(each), slices.Max(each)
	for _, n := range each {
		if n == 0 {
			a.none++
		}
		if n < a.most-1 {
			a.passed++
		}
	}
	return a
}
