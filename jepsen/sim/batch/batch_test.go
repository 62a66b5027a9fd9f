package batch

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/sim"
)

// fake is the environment variable with which this test binary stands in for
// that of jepsen/sim: it says which faults it takes to convict.
const fake = "BATCH_TEST_CONVICTS_WITH"

func TestMain(m *testing.M) {
	if guilty, ok := os.LookupEnv(fake); ok {
		simulate(guilty)
		return
	}
	os.Exit(m.Run())
}

// simulate reports what a run of the command line's seed would. Seed 13 dies,
// seed 14 does not end.
func simulate(guilty string) {
	f := flag.NewFlagSet("sim", flag.ExitOnError)
	seed, keep := f.Uint64("sim.seed", 0, ""), f.String("sim.keep", "", "")
	_ = f.Parse(os.Args[1:]) // exits
	switch *seed {
	case 13:
		fmt.Println("panic: unlucky")
		os.Exit(2)
	case 14:
		time.Sleep(time.Minute)
	case 15, 16:
		sleeps(*seed == 16)
	}
	left := strings.Split(*keep, ",")
	p := sim.Report{Seed: *seed, Workload: "w", Operations: 10, Schedule: left, Counts: map[string]int{"fault kill": 1}}
	if *keep == "" || !slices.ContainsFunc(strings.Split(guilty, ","), func(n string) bool { return !slices.Contains(left, n) }) {
		p.Violations = []check.Violation{{Checker: "rate"}, {Checker: "clock"}}
	} else if len(left) > 2 {
		p.Violations = []check.Violation{{Checker: "another"}}
	}
	line, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	fmt.Printf("some words\n%s%s\n", sim.ReportPrefix, line)
}

// sleeps ends the process as the runtime does when all goroutines sleep: once, as
// a file beside tells, or always.
func sleeps(always bool) {
	mark := os.Getenv(marks)
	if _, err := os.Stat(mark); err == nil && !always {
		return
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		panic(err)
	}
	fmt.Print("fatal error: all goroutines are asleep - deadlock!\n\n" +
		"goroutine 1 [chan receive]:\nmain()\n\n" +
		"goroutine 2 [select (durable), synctest bubble 1]:\nwaits()\n\n" +
		"goroutine 3 [sync.Mutex.Lock, synctest bubble 1]:\nlocked()\n")
	os.Exit(2)
}

// marks is the environment variable with the name of that file.
const marks = "BATCH_TEST_MARK"

func TestAStuckProcessIsRunAgainOnce(t *testing.T) {
	for seed, convicted := range map[uint64]bool{15: false, 16: true} {
		r := runner("3")
		r.Env = append(r.Env, marks+"="+filepath.Join(t.TempDir(), "mark"))
		p := r.One(t.Context(), seed, Keep(nil))
		if locked, waits := strings.Index(p.Stuck, "locked()"), strings.Index(p.Stuck, "waits()"); locked < 0 || waits < locked {
			t.Errorf("seed %d: it is not told first who waits for a lock: %s", seed, p.Stuck)
		}
		if crash := len(p.Violations) == 1 && p.Violations[0].Rule == "crash" && strings.HasPrefix(p.Violations[0].What, "twice "); crash != convicted {
			t.Errorf("seed %d: %v", seed, p.Violations)
		}
		totals := NewTotals()
		totals.Add(p)
		if !strings.Contains(totals.Line(), "ran again: 1;") {
			t.Error(totals.Line())
		}
	}
}

// runner runs the fake.
func runner(guilty string) Runner {
	return Runner{Binary: os.Args[0], Env: []string{fake + "=" + guilty}, Workers: 2}
}

func failed(faults int) sim.Report {
	return sim.Report{Seed: 7, Schedule: make([]string, faults), Violations: []check.Violation{{Checker: "rate"}}}
}

func TestShrinkingKeepsWhatConvicts(t *testing.T) {
	for guilty, want := range map[string][]int{"3": {3}, "0": {0}, "11": {11}, "2,9": {2, 9}, "0,1,2": {0, 1, 2}} {
		left, last := runner(guilty).Shrink(t.Context(), failed(12), time.Minute)
		if !slices.Equal(left, want) {
			t.Errorf("of the faults %v are left, not %v", left, want)
		}
		if len(last.Schedule) != len(want) || !alike(last, failed(0)) {
			t.Errorf("%v: the last report is %+v", want, last)
		}
	}
}

// TestShrinkingToNothing has a run that fails without any fault.
func TestShrinkingToNothing(t *testing.T) {
	if left, _ := runner("none").Shrink(t.Context(), failed(5), time.Minute); len(left) > 0 {
		t.Errorf("the faults %v are left", left)
	}
}

func TestShrinkingEndsWithItsTime(t *testing.T) {
	left, last := runner("3").Shrink(t.Context(), failed(12), 0)
	if len(left) != 12 || len(last.Schedule) != 12 {
		t.Errorf("%v are left", left)
	}
}

func TestKeep(t *testing.T) {
	for want, places := range map[string][]int{"-sim.keep=none": nil, "-sim.keep=4": {4}, "-sim.keep=0,12": {0, 12}} {
		if got := Keep(places); got != want {
			t.Errorf("%v is %q, not %q", places, got, want)
		}
	}
}

func TestAProcessWithoutAReportIsAViolation(t *testing.T) {
	r := runner("3")
	r.Timeout = 2 * time.Second
	for seed, says := range map[uint64]string{13: "unlucky", 14: "had not ended"} {
		p := r.One(t.Context(), seed)
		if p.Seed != seed || len(p.Violations) != 1 || p.Violations[0].Rule != "crash" || !strings.Contains(p.Violations[0].What, says) {
			t.Errorf("seed %d: %+v", seed, p)
		}
	}
}

func TestAllSeedsAreRunOnce(t *testing.T) {
	totals, seen := NewTotals(), map[uint64]int{}
	runner("3").Run(t.Context(), From(100, 6), func(p sim.Report) {
		seen[p.Seed]++
		totals.Add(p)
	})
	for seed := uint64(100); seed < 106; seed++ {
		if seen[seed] != 1 {
			t.Errorf("seed %d was told %d times", seed, seen[seed])
		}
	}
	if len(seen) != 6 || totals.Seeds != 6 || totals.Operations != 60 || totals.Faults != 6 {
		t.Errorf("%d seeds: %s", len(seen), totals.Line())
	}
}

func TestUntilEndsWithItsTime(t *testing.T) {
	next, stop := iter.Pull(Until(From(1, 1000), time.Hour))
	defer stop()
	if seed, ok := next(); seed != 1 || !ok {
		t.Errorf("the first is %d, %v", seed, ok)
	}
	for seed := range Until(From(1, 1000), -time.Second) {
		t.Fatalf("seed %d was begun after the time was up", seed)
	}
}

func TestReadKnown(t *testing.T) {
	list, err := ReadKnown(strings.NewReader("# seeds\n\n 5 # five nodes\n20037 -sim.workload=mixed -sim.keep=0,3   # why\n7\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list {
		got = append(got, fmt.Sprintf("%d %q %q", k.Seed, k.Args, k.Why))
	}
	want := []string{`5 [] "five nodes"`, `20037 ["-sim.workload=mixed" "-sim.keep=0,3"] "why"`, `7 [] ""`}
	if !slices.Equal(got, want) {
		t.Errorf("read %q, not %q", got, want)
	}
	for _, text := range []string{"1\nfive # why", "-1", "99999999999999999999", "1.5"} {
		lines := strconv.Itoa(strings.Count(text, "\n") + 1)
		if _, err := ReadKnown(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line "+lines) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTotals(t *testing.T) {
	totals := NewTotals()
	totals.Add(sim.Report{Seed: 1, Workload: "a", Operations: 5, Unknown: 1, Records: 9, Lived: time.Second, Counts: map[string]int{"fault kill": 2, "removed": 1}})
	totals.Add(sim.Report{Seed: 2, Workload: "b", Operations: 7, Records: 3, Lived: 2 * time.Second, Counts: map[string]int{"fault kill": 1, "fault pause": 4}, Violations: []check.Violation{{}}})
	if want := "2 seeds, 12 operations (1 unknown), 12 records, 7 faults, 3s of cluster life in 0s; ran again: 0; 1 seeds failed"; totals.Line() != want {
		t.Errorf("it says %q, not %q", totals.Line(), want)
	}
	if len(totals.Failed) != 1 || totals.Failed[0].Seed != 2 {
		t.Errorf("failed: %v", totals.Failed)
	}
	var b bytes.Buffer
	totals.Print(&b)
	for _, says := range []string{"workload a ", "workload b ", "fault kill ", "fault pause ", "removed "} {
		if !strings.Contains(b.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, &b)
		}
	}
	if !strings.Contains(b.String(), fmt.Sprintf("%-29s %7d", "fault kill", 3)) {
		t.Errorf("it does not say that there were three kills:\n%s", &b)
	}
}
