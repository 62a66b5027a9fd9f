package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/report"
)

var (
	keep    = flag.String("keep", "", "a folder for the pages that tests write, to look at them")
	rewrite = flag.Bool("rewrite", false, "write the golden files anew")
)

// page writes a report and returns it, having checked what holds for all.
func page(t testing.TB, name string, h *history.History, verdicts []check.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, h, verdicts); err != nil {
		t.Fatal(err)
	}
	if *keep != "" && name != "" {
		if err := os.WriteFile(filepath.Join(*keep, name+".html"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func small() sample {
	return sample{nodes: 3, clients: 6, ops: 240, length: 12 * time.Second, faults: 4, seed: 7}
}

func TestSmall(t *testing.T) {
	h := makeRun(small())
	got := page(t, "small", h, judged(h, 3))
	golden := filepath.Join("testdata", "small.html")
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the page is another than testdata/small.html (-rewrite writes it anew):\n%s", diff)
	}
}

func TestLarge(t *testing.T) {
	for _, s := range []struct {
		name       string
		sample     sample
		violations int
	}{
		{"large", sample{nodes: 5, clients: 48, ops: 100_000, length: 5 * time.Minute, faults: 40, seed: 3}, 0},
		{"large-fail", sample{nodes: 3, clients: 200, ops: 100_000, length: 10 * time.Minute, faults: 400, seed: 4}, 2000},
	} {
		t.Run(s.name, func(t *testing.T) {
			h := makeRun(s.sample)
			got := page(t, s.name, h, judged(h, s.violations))
			if len(got) > 3_000_000 {
				t.Errorf("the page has %d bytes", len(got))
			}
			t.Logf("%d operations, %d bytes", len(h.Ops), len(got))
		})
	}
}
