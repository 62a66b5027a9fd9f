package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limitd/limitd/jepsen/history"
)

// TestEffect: a kill at 1 s, after which the cluster answers again at 1.8 s.
func TestEffect(t *testing.T) {
	h := &history.History{Run: history.Run{Duration: 10 * time.Second}}
	for ms := 0; ms < 10_000; ms += 100 {
		o := call(history.Release, ms, ms+2, history.OK)
		if ms >= 1000 && ms < 1800 {
			o.Return = at(1800)
		}
		if ms == 1300 {
			o.Outcome = history.Unknown
		}
		h.Ops = append(h.Ops, o)
	}
	h.Faults = []history.Fault{
		{Kind: "kill", From: at(1000), To: at(1500)},
		{Kind: "kill", From: at(7000), Error: "no leader to kill"},
	}
	b := newBill(h)
	got := b.of("kill", h.Faults)
	want := effect{
		Kind: "kill", Count: 1, Failed: 1, Errors: []string{"no leader to kill"},
		Length: at(3500), Rate: "10.0", First: at(800), Worst: at(800),
		Gap: at(800), GapAt: at(1000), P99: at(800), Max: at(800), Unknown: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rest := b.rest()
	if rest.Length != at(6500) || rest.Max != at(2) || rest.Unknown != 0 {
		t.Errorf("without faults: %+v", rest)
	}
}

// TestNeverAgain: no call begun after the fault succeeds, though one begun
// before it does.
func TestNeverAgain(t *testing.T) {
	h := &history.History{Run: history.Run{Duration: at(2000)}}
	h.Ops = []history.Op{call(history.Release, 900, 1500, history.OK), call(history.Release, 1100, 1900, history.Unknown)}
	h.Faults = []history.Fault{{Kind: "partition", From: at(1000), To: at(1900)}}
	got := newBill(h).of("partition", h.Faults)
	if got.Never != 1 || got.First != -1 {
		t.Errorf("%+v", got)
	}
}
