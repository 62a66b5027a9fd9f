package limit_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"pgregory.net/rapid"
)

// rateWorld is one decaying limit under constant oversupply.
type rateWorld struct {
	t     *rapid.T
	state *limit.State
	set   command.LimitSettings
	now   int64
	index uint64
	count int64   // slots admitted
	times []int64 // of each slot admitted, in order
	came  map[string]int64
}

func newRateWorld(t *rapid.T) *rateWorld {
	w := &rateWorld{t: t, state: limit.New(), now: 1e9, came: map[string]int64{}}
	w.set = command.LimitSettings{Slots: rapid.Int64Range(1, 5).Draw(t, "slots"), Active: true, Rate: anyRate().Draw(t, "rate")}
	w.play("", &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules})
	w.play("", &command.PutLimit{Name: "api", Settings: w.set})
	return w
}

// anyRate draws rates from a slot in some minutes to a slot in half a millisecond.
func anyRate() *rapid.Generator[command.Rate] {
	return rapid.Custom(func(t *rapid.T) command.Rate {
		text := fmt.Sprintf("%d.%d/%s", rapid.IntRange(1, 2000).Draw(t, "n"), rapid.IntRange(0, 99).Draw(t, "part"),
			rapid.SampledFrom([]string{"s", "m"}).Draw(t, "unit"))
		r, err := command.ParseRate(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	})
}

// play applies one record, and counts what it admitted.
func (w *rateWorld) play(id string, op command.Op) command.Result {
	w.index++
	a := w.state.Apply(w.index, 1, command.Command{Header: command.Header{Stamp: w.now, Accepted: w.now, Term: 1, ID: id}, Op: op})
	if _, ok := op.(*command.Acquire); ok {
		w.came[id] = w.now
	}
	w.admit(id, a.Result)
	for _, o := range a.Outcomes {
		w.admit(o.ID, o.Result)
	}
	return a.Result
}

func (w *rateWorld) admit(id string, r command.Result) {
	if g, ok := r.(*command.Granted); ok {
		w.count += g.Limits[0].Slots
		w.times = append(w.times, w.came[id]+g.Waited)
	}
}

// TestExactRate is E2: while somebody always waits for it alone, and records
// come at least every G, a limit admits exactly slots + floor(rate*W).
func TestExactRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRateWorld(t)
		start := w.now
		for i := range rapid.IntRange(5, 60).Draw(t, "records") {
			w.play("", &command.Tick{})
			for w.state.Counts().Waiters < 40 {
				w.play(fmt.Sprintf("w%d-%d", i, w.index), &command.Acquire{Wait: 24 * 3600e9, Linger: 60e9, Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}})
			}
			if want := expected(w.set, w.now-start); w.count != want {
				t.Fatalf("%s, %d slots: %d admitted in %d ns, expected %d", w.set.Rate.Text, w.set.Slots, w.count, w.now-start, want)
			}
			w.disturb(i)
			w.now += rapid.Int64Range(1, min(100e6, soon(w.set.Rate))).Draw(t, "step")
		}
	})
}

// soon is a step in which no more than 30 slots come back.
func soon(r command.Rate) int64 { return int64(30 * r.Den / r.Num) }

// disturb does what must not move the decay clock.
func (w *rateWorld) disturb(i int) {
	text := fmt.Sprint(i)
	switch rapid.IntRange(0, 4).Draw(w.t, "disturb") {
	case 0:
		w.play("try"+text, &command.Acquire{Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}})
	case 1:
		w.play("", &command.UpdateLimit{Name: "api", Description: &text})
	case 2:
		w.play("", &command.Read{})
	case 3:
		same := w.set.Rate
		same.Text += " "
		w.play("", &command.UpdateLimit{Name: "api", Rate: &same})
	}
}

// expected is slots + floor(rate*W).
func expected(set command.LimitSettings, ns int64) int64 {
	n := new(big.Int).Mul(new(big.Int).SetUint64(set.Rate.Num), big.NewInt(ns))
	return set.Slots + n.Div(n, new(big.Int).SetUint64(set.Rate.Den)).Int64()
}

// TestRateBound is the other half of E2: whatever comes when, in no span W is
// more admitted than slots + rate*W, in cluster time.
func TestRateBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRateWorld(t)
		slot := int64(w.set.Rate.Den / w.set.Rate.Num)
		for i := range rapid.IntRange(5, 50).Draw(t, "records") {
			a := &command.Acquire{Wait: rapid.Int64Range(0, 3).Draw(t, "wait") * slot, Linger: 60e9, Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}}
			a.Wait = min(a.Wait, 24*3600e9)
			w.play(fmt.Sprintf("w%d", i), a)
			w.now += rapid.Int64Range(0, 2*slot).Draw(t, "step")
		}
		slices.Sort(w.times)
		for i, from := range w.times {
			for j := i; j < len(w.times); j++ {
				if got, most := int64(j-i+1), expected(w.set, w.times[j]-from+1); got > most {
					t.Fatalf("%s, %d slots: %d admitted in %d ns, at most %d allowed: %v", w.set.Rate.Text, w.set.Slots, got, w.times[j]-from+1, most, w.times)
				}
			}
		}
	})
}

// TestExactRetry is A1: of a decaying limit that nobody waits for, a denied try
// says exactly when a retry succeeds. A nanosecond earlier it fails.
func TestExactRetry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRateWorld(t)
		slot := int64(w.set.Rate.Den / w.set.Rate.Num)
		for i := range rapid.IntRange(2, 20).Draw(t, "records") {
			entries := []command.Entry{{Name: "api", Slots: rapid.Int64Range(1, w.set.Slots).Draw(t, "n"), Mode: command.RateLimit}}
			denied, ok := w.play(fmt.Sprintf("try%d", i), &command.Acquire{Entries: entries}).(*command.Denied)
			if ok {
				w.retry(denied, entries)
			}
			w.now += rapid.Int64Range(0, slot).Draw(t, "step")
		}
	})
}

func (w *rateWorld) retry(d *command.Denied, entries []command.Entry) {
	at, index := w.now, w.index
	for _, early := range []int64{1, 0} {
		trial, err := clone(w.state)
		if err != nil {
			w.t.Fatal(err)
		}
		real := w.state
		w.state, w.now = trial, at+d.RetryAfter-early
		_, granted := w.play("again", &command.Acquire{Entries: entries}).(*command.Granted)
		if granted != (early == 0) {
			w.t.Fatalf("%s: retry after %d, tried %d ns before that: granted %v", w.set.Rate.Text, d.RetryAfter, early, granted)
		}
		w.state, w.now, w.index = real, at, index
	}
}

// TestDecayExtremes drives one limit of any size at any supported rate, through
// steps from a nanosecond to years, and holds it against the oracle's rationals.
func TestDecayExtremes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBoth(command.DefaultSettings())
		now := int64(1)
		slots := magnitude(53).Draw(t, "slots")
		step := func(id string, op command.Op) {
			if _, err := b.apply(command.Command{Header: command.Header{Stamp: now, Accepted: now, Term: 1, ID: id}, Op: op}); err != nil {
				t.Fatal(err)
			}
		}
		step("", &command.PutLimit{Name: "x", Settings: command.LimitSettings{Slots: slots, Active: true, Rate: extremeRate().Draw(t, "rate")}})
		for i := range rapid.IntRange(1, 30).Draw(t, "records") {
			now += magnitude(56).Draw(t, "step") - 1
			switch rapid.IntRange(0, 5).Draw(t, "operation") {
			case 0:
				rate := extremeRate().Draw(t, "rate")
				step("", &command.UpdateLimit{Name: "x", Rate: &rate})
			case 1:
				step("", &command.Release{Token: uint64(rapid.IntRange(1, i+1).Draw(t, "token"))})
			case 2:
				step("", &command.Tick{})
			default:
				e := command.Entry{Name: "x", Slots: min(slots, magnitude(53).Draw(t, "n")), Mode: command.Mode(rapid.IntRange(0, 1).Draw(t, "mode"))}
				step(fmt.Sprint("a", i), &command.Acquire{Entries: []command.Entry{e}, TTL: 24 * 3600e9, Wait: rapid.Int64Range(0, 1).Draw(t, "wait") * 24 * 3600e9, Linger: 60e9})
			}
		}
	})
}

// magnitude draws numbers of all lengths up to some bits, evenly by length.
func magnitude(bits int) *rapid.Generator[int64] {
	return rapid.Custom(func(t *rapid.T) int64 {
		n := rapid.IntRange(1, bits).Draw(t, "bits")
		return rapid.Int64Range(1<<(n-1), 1<<n-1).Draw(t, "number")
	})
}

// extremeRate draws decimals from the whole supported range, 0 included.
func extremeRate() *rapid.Generator[command.Rate] {
	return rapid.Custom(func(t *rapid.T) command.Rate {
		text := rapid.StringMatching(`(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?/(ns|us|ms|s|m|h|d)`).Draw(t, "text")
		r, err := command.ParseRate(text)
		if err != nil {
			return command.Rate{Num: 1, Den: 1e18, Text: "1e-9/s"}
		}
		return r
	})
}
