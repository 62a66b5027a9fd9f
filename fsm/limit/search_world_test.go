package limit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// scope is a small world: what there is, and what may happen in it.
type scope struct {
	name    string
	limits  []string // as scripts write them; named a, b, c
	held    []string // who holds slots at first
	callers []string // what newcomers may ask for
	waiters int      // how many may wait at once; newcomers never end

	resize [2]int64 // of limit a: the smallest and largest number of slots; zero: none
	toggle bool     // limit a is turned active and inactive
	parted int      // how many places may be parted at once, to be taken up again
	ways   bool     // what ends waits and leases does so in every way: expiry, lapse and deadline, too
	exact  bool     // moves are counted; else any move may be somebody's eighth

	// timed is zero where leases and interest last for ever and it is open
	// which patience ends when; else time moves on by this, and what is due
	// happens.
	timed       time.Duration
	ttl, linger time.Duration
	patience    time.Duration
	renew       bool // interest is renewed
	tag         bool // follow one waiter, which nobody cancels, and see that it does not wait for ever
}

// world is a scope made ready.
type world struct {
	*scope
	base     *both // with its limits, and nobody on them
	template *limit.Template
	acquires []command.Acquire // of callers, then of first holders
	decays   []bool            // by limit
	explicit bool              // holdings do not follow from leases
	ids      []string          // of waiters, by rank
	leases   int               // how many there may be before nobody comes: more than the limits have slots
	start    int64
}

const far = int64(20 * time.Hour) // further than anything that happens in a scope

// open makes a scope ready.
func (s *scope) open(t testing.TB) *world {
	t.Helper()
	settings := command.DefaultSettings()
	settings.Patience, settings.MaxBackdate = int64(10*time.Second), int64(time.Millisecond)
	w := &world{scope: s, start: int64(1000 * time.Second)}
	if s.timed > 0 {
		settings.Patience, settings.MaxBackdate = int64(s.patience), int64(min(s.timed, 100*time.Millisecond))
	}
	w.base = newBoth(settings)
	script := &script{both: w.base, now: w.start}
	for _, l := range s.limits {
		c, err := script.parse("limit", strings.Fields(l))
		if err == nil {
			_, err = w.base.apply(c)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.decays = append(w.decays, strings.Contains(l, "rate="))
		w.explicit = w.explicit || strings.Contains(l, "rate=") || strings.Contains(l, "grace=")
	}
	for i, wants := range append(append([]string{}, s.callers...), s.held...) {
		c, err := script.parse("acquire", append([]string{"x"}, strings.Fields(wants)...))
		if err != nil {
			t.Fatal(err)
		}
		a := *c.Op.(*command.Acquire)
		a.Owner.PID, a.TTL, a.Linger, a.Wait = int64(i), w.length(s.ttl), int64(60*time.Second), int64(24*time.Hour)
		if s.linger > 0 {
			a.Linger = int64(s.linger)
		}
		w.acquires = append(w.acquires, a)
	}
	limits, _ := w.base.real.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		w.leases += int(l.Settings.Slots)
	}
	w.leases += max(0, int(s.resize[1]-limits[0].Settings.Slots)) + 1
	for i := range w.waiters + 1 {
		w.ids = append(w.ids, fmt.Sprint("w", i))
	}
	w.template = limit.NewTemplate(w.base.real, w.start, w.acquires)
	return w
}

func (w *world) length(d time.Duration) int64 {
	if d > 0 {
		return int64(d)
	}
	return int64(24 * time.Hour)
}

// first is the state in which the first holders hold.
func (w *world) first(t testing.TB) *limit.State {
	t.Helper()
	b := w.base
	for i, wants := range w.held {
		a := w.acquires[len(w.callers)+i]
		if like := slices.Index(w.callers, wants); like >= 0 {
			a = w.acquires[like]
		}
		h := command.Header{Stamp: w.start, Accepted: w.start, Term: 1, ID: fmt.Sprint("h", i)}
		if _, err := b.apply(command.Command{Header: h, Op: &a}); err != nil {
			t.Fatal(err)
		}
	}
	return b.real
}

// wants returns how many slots of limit i demand d asks for.
func (w *world) wants(d, i int) int64 {
	for _, e := range w.acquires[d].Entries {
		if int(e.Name[0]-'a') == i {
			return e.Slots
		}
	}
	return 0
}

// names tells whether demand d names limit i.
func (w *world) names(d, i int) bool {
	for _, e := range w.acquires[d].Entries {
		if int(e.Name[0]-'a') == i {
			return true
		}
	}
	return false
}
