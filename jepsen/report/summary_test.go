package report_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limitd/limitd/jepsen/report"
)

// runs are four summed up, the last with a violation.
func runs() []report.Summary {
	var list []report.Summary
	for i, name := range []string{"semaphore-kill-1", "semaphore-clock-2", "rate-kill-3", "rate-clock-4"} {
		h := makeRun(sample{nodes: 3, clients: 6, ops: 240, length: 12 * time.Second, faults: 4, seed: uint64(i)})
		parts := strings.Split(name, "-")
		h.Run.Workload, h.Run.Nemesis = parts[0], map[string]string{"kill": "kill-leader", "clock": "clock-step"}[parts[1]]
		list = append(list, report.Summarize(name, name+"/report.html", h, judged(h, i/3)))
	}
	return list
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := report.Text(&b, runs()); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "summary.txt")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("the summary is another than testdata/summary.txt (-rewrite writes it anew):\n%s", diff)
	}
}

func TestIndex(t *testing.T) {
	var b strings.Builder
	if err := report.Index(&b, "the matrix", runs()); err != nil {
		t.Fatal(err)
	}
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, "index.html"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, b.String())
	for _, want := range []string{
		"1 of 4 runs failed, with 1 violation", `<a href="rate-clock-4/report.html">rate-clock-4</a>`,
		"overlap (E1 E3): 1 violation", `<th scope="col">clock-step</th>`, "FAIL: the matrix",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the index does not say %q", want)
		}
	}
	if n := strings.Count(b.String(), "✓ PASS"); n != 3 {
		t.Errorf("%d runs passed; 3 did", n)
	}
}

func TestIndexOfNothing(t *testing.T) {
	var b, text strings.Builder
	if err := errors.Join(report.Index(&b, "nothing", nil), report.Text(&text, nil)); err != nil {
		t.Fatal(err)
	}
	sound(t, b.String())
	for _, s := range []string{b.String(), text.String()} {
		if !strings.Contains(s, "FAIL") || !strings.Contains(s, "nothing ran") {
			t.Errorf("no runs make %q; nothing ran, so nothing passed", s)
		}
	}
	if err := report.Text(full{}, runs()); !errors.Is(err, errFull) {
		t.Errorf("%v, want %v", err, errFull)
	}
}
