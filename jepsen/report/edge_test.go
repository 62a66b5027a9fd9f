package report_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/report"
)

// sound checks what holds for every page: nothing was filtered out by the
// template, no number went wrong, nothing is loaded from elsewhere.
func sound(t testing.TB, got string) {
	t.Helper()
	if !strings.HasSuffix(got, "</html>\n") {
		t.Error("the page does not end")
	}
	for _, bad := range []string{"ZgotmplZ", "NaN", "+Inf", "-Inf", "%!", "src=", "http://", "https://", "@import", "url("} {
		if i := strings.Index(got, bad); i >= 0 {
			t.Errorf("%q in the page: …%s…", bad, got[max(0, i-60):min(len(got), i+60)])
		}
	}
}

func TestEdges(t *testing.T) {
	op := history.Op{Number: 1, Kind: history.Acquire, Outcome: history.OK, Call: time.Second, Return: time.Second + time.Millisecond}
	full := makeRun(small())
	for _, c := range []struct {
		name string
		h    *history.History
		want []string
	}{
		{"empty", &history.History{}, []string{"FAIL", "nobody called", "No checker has judged", "No state was taken", "No fault was injected"}},
		{"one-op", &history.History{Ops: []history.Op{op}}, []string{"one by one", "#1 c0 acquire"}},
		{"no-faults", &history.History{Run: full.Run, Ops: full.Ops, Leaders: full.Leaders, Final: full.Final}, []string{"No fault was injected", "one digest on all nodes"}},
		{"no-final", &history.History{Run: full.Run, Ops: full.Ops, Faults: full.Faults}, []string{"No state was taken at the end", "nobody was seen leading"}},
		{"dirty-final", &history.History{Ops: full.Ops, Final: &history.Final{
			Nodes:  []history.FinalNode{{Name: "n1", Digest: "aa"}, {Name: "n2", Digest: "ab"}, {Name: "n3"}},
			Limits: map[string]int64{"gpu": 2, "db": 0}, Waiting: 1, Leases: 2,
		}}, []string{"the digests differ", "none given", "not empty", "1 waiting, 2 leased, 1 limits occupied"}},
		{"only-leaders", &history.History{Leaders: []history.Leader{{At: time.Second, Node: "n1", Term: 2}, {At: 2 * time.Second, Term: 3}}}, []string{"term"}},
		{"backwards", &history.History{Ops: []history.Op{{Number: 1, Kind: history.Release, Call: time.Second, Return: time.Millisecond, Outcome: history.OK}}}, []string{"release"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := page(t, c.name, c.h, nil)
			sound(t, got)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}

// TestForeignTextStaysText: what a run's servers said is shown, never run.
func TestForeignTextStaysText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img x='`
	h := makeRun(small())
	h.Run.Workload, h.Run.Commit, h.Faults[0].Kind, h.Faults[0].On = evil, evil, evil, evil
	h.Leaders[0].Node, h.Final.Error, h.Ops[9].Detail, h.Ops[9].Limits = evil, evil, evil, []history.Want{{Name: evil}}
	verdicts := judged(h, 1)
	verdicts[0].Violations[0].What, verdicts[0].Violations[0].Ops = evil, []int{10, 10, 99_999}
	got := page(t, "", h, verdicts)
	sound(t, got)
	if strings.Contains(got, "<script>alert") || strings.Contains(got, "<img") {
		t.Error("text of the run became part of the page")
	}
	if n := strings.Count(got, "<script"); n != 2 {
		t.Errorf("%d scripts in the page, 2 are ours", n)
	}
}

// TestViolationsAreLinked: from the verdict to the description, from there to
// the timeline, and each place is there once.
func TestViolationsAreLinked(t *testing.T) {
	h := makeRun(small())
	got := page(t, "", h, judged(h, 3))
	for i := 1; i <= 3; i++ {
		for _, want := range []string{
			fmt.Sprintf(`<article class="finding" id="v%d">`, i), fmt.Sprintf(`id="mark-v%d"`, i),
			fmt.Sprintf(`href="#mark-v%d"`, i), fmt.Sprintf(`id="closeup-v%d"`, i),
		} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%s is there %d times", want, strings.Count(got, want))
			}
		}
	}
	if n := strings.Count(got, `class="op granted violated"`); n < 12 {
		t.Errorf("%d calls are outlined; each of 3 violations has 2, in two pictures", n)
	}
}

func TestAgainAndLinks(t *testing.T) {
	var b strings.Builder
	p := report.Page{History: &history.History{}, Again: "make judge DIR=runs/7", Links: []report.Link{{Path: "history.jsonl", What: "the history"}}}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"make judge DIR=runs/7", `<a href="history.jsonl">`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteSaysWhy(t *testing.T) {
	if err := report.Write(full{}, &history.History{}, nil); !errors.Is(err, errFull) {
		t.Errorf("%v, want %v", err, errFull)
	}
}

// fuzzed turns bytes into a history that no run would write.
func fuzzed(data []byte) (*history.History, []check.Verdict) {
	kinds := []history.Kind{history.Acquire, history.Release, history.Renew, history.Put, history.ReadLimit, history.Delete, "odd"}
	outcomes := []history.Outcome{history.OK, history.Refused, history.Unknown, ""}
	next := func() int64 {
		var b [8]byte
		data = data[copy(b[:], data):]
		return int64(binary.LittleEndian.Uint64(b[:]))
	}
	h := &history.History{}
	h.Run.Duration, h.Run.Nodes = time.Duration(uint64(next())%uint64(24*time.Hour)), int(next()%9)
	var v check.Verdict
	for len(data) > 0 && len(h.Ops) < 300 {
		x := uint64(next())
		o := history.Op{Number: len(h.Ops) + 1, Client: int(x % 5), Kind: kinds[x%7], Outcome: outcomes[x>>8%4], Call: time.Duration(next()), Return: time.Duration(next())}
		o.Limits = []history.Want{{Name: fmt.Sprint(x >> 16 % 3), Slots: next()}}
		o.Token, o.Waited, o.ExpiresIn, o.Wait = x>>20%50, time.Duration(next()), time.Duration(next()), time.Duration(x)
		o.Granted = []history.Granted{{Name: o.Limits[0].Name, Slots: o.Limits[0].Slots, Counted: true, Rate: x>>30%2 == 0}}
		o.Tokens = []uint64{x >> 40 % 50}
		o.Leases = []history.Renewed{{Token: x >> 41 % 50, State: "held", ExpiresIn: o.ExpiresIn}}
		o.Config = &history.Settings{Slots: next(), RateNum: x, RatePer: o.Waited}
		h.Ops = append(h.Ops, o)
		if x>>50%3 == 0 {
			h.Faults = append(h.Faults, history.Fault{Kind: fmt.Sprint(x % 4), From: time.Duration(next()), To: time.Duration(next())})
			h.Leaders = append(h.Leaders, history.Leader{At: time.Duration(next()), Node: fmt.Sprint(x % 4), Term: x})
			v.Violations = append(v.Violations, check.Violation{Rule: "E1", Ops: []int{int(x % 9), o.Number, -1}})
		}
	}
	return h, []check.Verdict{v}
}

// FuzzWrite: whatever times and numbers a history has, there is a page, and it
// is sound.
func FuzzWrite(f *testing.F) {
	f.Add([]byte{})
	for _, x := range []uint64{1, math.MaxInt64, 1 << 63, 0x0003_0700_0102_0304, uint64(time.Hour)} {
		var b []byte
		for i := range 60 {
			b = binary.LittleEndian.AppendUint64(b, x+uint64(i)*uint64(i)<<(i%60))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, verdicts := fuzzed(data)
		sound(t, page(t, "", h, verdicts))
	})
}
