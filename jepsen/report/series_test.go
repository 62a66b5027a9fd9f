package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limitd/limitd/jepsen/history"
)

// call makes an operation; times are milliseconds.
func call(kind history.Kind, from, to int, outcome history.Outcome) history.Op {
	return history.Op{Kind: kind, Call: at(from), Return: at(to), Outcome: outcome}
}

func at(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func TestClasses(t *testing.T) {
	token := history.Got{Token: 4}
	for _, c := range []struct {
		op   history.Op
		want class
	}{
		{history.Op{Kind: history.Acquire, Outcome: history.OK, Got: token}, granted},
		{history.Op{Kind: history.Acquire, Outcome: history.OK, Code: "denied"}, denied},
		{history.Op{Kind: history.Acquire, Outcome: history.OK, Code: "wait_expired"}, denied},
		{history.Op{Kind: history.Acquire, Outcome: history.OK, Code: "lease_ended"}, done},
		{history.Op{Kind: history.Release, Outcome: history.OK}, done},
		{history.Op{Kind: history.Acquire, Outcome: history.Refused, Code: "no_leader"}, refused},
		{history.Op{Kind: history.Acquire, Outcome: history.Unknown, Got: token}, unknown},
		{history.Op{}, unknown},
	} {
		if got := classOf(&c.op); got != c.want {
			t.Errorf("%+v is %s, not %s", c.op, got, c.want)
		}
	}
}

func TestLatencyLeavesOutTheWait(t *testing.T) {
	waited := call(history.Acquire, 100, 450, history.OK)
	waited.Wait, waited.Token, waited.Waited = time.Second, 1, at(300)
	expired := call(history.Acquire, 100, 1100, history.OK)
	expired.Wait, expired.Code = time.Second, "wait_expired"
	lost := call(history.Release, 100, 200, history.Unknown)
	if d, ok := latency(&waited); d != at(50) || !ok {
		t.Errorf("a wait of 300 ms in a call of 350 ms costs %v, %v", d, ok)
	}
	for _, o := range []history.Op{expired, lost} {
		if d, ok := latency(&o); ok {
			t.Errorf("%s %s costs %v; that cannot be said", o.Kind, o.Outcome, d)
		}
	}
}

func TestSeriesCountsEachCallOnce(t *testing.T) {
	ops := []history.Op{
		call(history.Release, 0, 10, history.OK),
		call(history.Release, 5, 995, history.OK),
		call(history.Release, 5, 5000, history.Unknown), // past the end
		call(history.Put, -50, -20, history.Refused),    // before the start
		call(history.Acquire, 400, 700, history.OK),
	}
	ops[4].Wait = time.Second
	s := newSeries(newAxis(0, time.Second), ops)
	n := 0
	for i := range s.N {
		n += s.total(i)
	}
	if n != len(ops) {
		t.Errorf("%d calls counted of %d", n, len(ops))
	}
	waiting := 0
	for _, w := range s.Waiting {
		waiting = max(waiting, w)
	}
	if waiting != 1 {
		t.Errorf("%d waited at once; one did", waiting)
	}
}

func TestSeriesCountsWhereCallsEnd(t *testing.T) {
	var ops []history.Op
	for ms := range 1000 {
		ops = append(ops, call(history.Release, ms-5, ms, history.OK))
	}
	s := newSeries(newAxis(0, time.Second), ops)
	if s.Width != 5*time.Millisecond {
		t.Fatalf("1,000 calls in a second make buckets of %v", s.Width)
	}
	for i := range 200 {
		if n := s.total(i); n != 5 || s.P50[i] != at(5) {
			t.Fatalf("bucket %d has %d calls with a median of %v; want 5 and 5 ms", i, n, s.P50[i])
		}
	}
	if n := s.total(200); n != 0 || s.P99[200] != -1 {
		t.Errorf("after the last call: %d, %v", n, s.P99[200])
	}
}

func TestQuantile(t *testing.T) {
	var list []time.Duration
	for i := 1; i <= 100; i++ {
		list = append(list, at(i))
	}
	for q, want := range map[float64]time.Duration{0.5: at(50), 0.99: at(99), 1: at(100), 0: at(1)} {
		if got := quantile(list, q); got != want {
			t.Errorf("the quantile %v of 1..100 ms is %v, want %v", q, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != -1 {
		t.Errorf("the quantile of nothing is %v, want -1", got)
	}
}

func TestLongestGap(t *testing.T) {
	answers := []time.Duration{at(10), at(20), at(400), at(410)}
	for _, c := range []struct {
		name           string
		from, to       int
		wantAt, wantTo int
	}{
		{"between answers", 0, 500, 20, 400},
		{"before the first", 0, 10, 0, 10},
		{"after the last", 405, 900, 410, 900},
		{"cut at both ends", 100, 200, 100, 200},
		{"of no length", 500, 500, 500, 500},
	} {
		want := stretch{at(c.wantAt), at(c.wantTo)}
		if got := longestGap(answers, at(c.from), at(c.to)); got != want {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
	}
	if got := longestGap(nil, 0, at(70)); got != (stretch{0, at(70)}) {
		t.Errorf("without answers: %v", got)
	}
}

func TestCostsWithin(t *testing.T) {
	ops := []history.Op{
		call(history.Release, 0, 30, history.OK),
		call(history.Release, 15, 20, history.OK),
		call(history.Release, 0, 25, history.Refused),
		call(history.Release, 30, 40, history.OK),
	}
	want := []time.Duration{at(5), at(30)}
	if diff := cmp.Diff(want, newCosts(ops).within(at(20), at(39))); diff != "" {
		t.Error(diff)
	}
}
