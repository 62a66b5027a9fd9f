package rules

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

const (
	alertsFile  = "../../deploy/prometheus/alerts.yml"
	metricsPage = "../../docs/metrics.md"
	operations  = "../../docs/operations.md"
)

func language() parser.Parser { return parser.NewParser(parser.Options{}) }

// alerts returns the rules, as promtool reads them.
func alerts(t *testing.T) []rulefmt.Rule {
	t.Helper()
	file, errs := rulefmt.ParseFile(alertsFile, false, model.LegacyValidation, language(), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if file == nil || len(file.Groups) != 1 {
		t.Fatalf("%s cannot be read, or has not one group", alertsFile)
	}
	return file.Groups[0].Rules
}

// documented tells whether docs/metrics.md has a series of this name.
func documented(t *testing.T) func(name string) bool {
	t.Helper()
	text := read(t, metricsPage)
	kinds := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z_]+)[^|]*` \\| ([a-z]+) ").FindAllStringSubmatch(text, -1) {
		kinds[m[1]] = m[2]
	}
	return func(name string) bool {
		if kind, found := kinds[name]; found {
			return kind != "histogram"
		}
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if kinds[strings.TrimSuffix(name, suffix)] == "histogram" {
				return true
			}
		}
		return name == "up" || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkMetrics holds the names in an expression against docs/metrics.md.
func checkMetrics(t *testing.T, where, expression string, exists func(string) bool) {
	t.Helper()
	tree, err := language().ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && !exists(v.Name) {
			t.Errorf("%s names %q, which %s lacks", where, v.Name, metricsPage)
		}
		return nil
	})
}

// TestAlertsAreKnownAndExplained holds each rule to metrics that exist, and to a
// heading of docs/operations.md that says what to do.
func TestAlertsAreKnownAndExplained(t *testing.T) {
	exists, page := documented(t), read(t, operations)
	for _, r := range alerts(t) {
		checkMetrics(t, r.Alert, r.Expr, exists)
		heading, found := strings.CutPrefix(r.Annotations["runbook"], "docs/operations.md, ")
		if !found || !regexp.MustCompile(`(?m)^##+ `+regexp.QuoteMeta(heading)+`$`).MatchString(page) {
			t.Errorf("%s: docs/operations.md has no heading %q", r.Alert, heading)
		}
		if r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s lacks a summary or a severity", r.Alert)
		}
		if _, tried := examples()[r.Alert]; !tried {
			t.Errorf("%s: no series on which it fires", r.Alert)
		}
	}
}

// TestAlertsFire plays series to each rule, two hours of them, and looks at the
// end whether its expression holds.
func TestAlertsFire(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
	holds := func(expression, series string) bool {
		storage := promqltest.LoadedStorage(t, "load 1m"+series)
		defer storage.Close()
		query, err := engine.NewInstantQuery(t.Context(), storage, nil, expression, time.Unix(2*3600, 0))
		if err != nil {
			t.Fatal(err)
		}
		defer query.Close()
		result := query.Exec(t.Context())
		vector, err := result.Vector()
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return len(vector) > 0
	}
	for _, r := range alerts(t) {
		example := examples()[r.Alert]
		if !holds(r.Expr, example.fires) {
			t.Errorf("%s does not fire on\n%s", r.Alert, example.fires)
		}
		if holds(r.Expr, example.quiet) {
			t.Errorf("%s fires on\n%s", r.Alert, example.quiet)
		}
	}
}
