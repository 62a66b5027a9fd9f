package daemon

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/prometheus/client_golang/prometheus"
)

// documented is a row of docs/metrics.md.
type documented struct{ labels, kind, unit string }

// documentedMetrics reads the tables of docs/metrics.md.
func documentedMetrics(t *testing.T) map[string]documented {
	t.Helper()
	text, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]documented{}
	row := regexp.MustCompile("(?m)^\\| `([A-Za-z_]+)(?:\\{([a-z_,]+)\\})?` \\| ([a-z]+) \\| ([^|]+) \\| [^|]+ \\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("docs/metrics.md has %s twice", m[1])
		}
		rows[m[1]] = documented{m[2], m[3], m[4]}
	}
	if lines := strings.Count(string(text), "\n| `"); lines != len(rows) {
		t.Errorf("docs/metrics.md has %d rows, and %d can be read", lines, len(rows))
	}
	return rows
}

// registered returns the labels of all metrics that a node registers of its own.
func registered(r *prometheus.Registry) map[string]string {
	descs := make(chan *prometheus.Desc)
	go func() {
		r.Describe(descs)
		close(descs)
	}()
	of := regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{(?:([a-z]+)="[^"]*")?\}, variableLabels: \{([^}]*)\}`)
	all := map[string]string{}
	for d := range descs {
		m := of.FindStringSubmatch(d.String())
		if m != nil && strings.HasPrefix(m[1], "limitd_") && m[1] != "limitd_libraries" { // that one stands for LibraryMetrics
			all[m[1]] = m[2] + m[3]
		}
	}
	return all
}

// TestMetricsAreDocumented holds docs/metrics.md against a node with all that a
// node can have: same names, same labels, types as they are shown, and units
// that agree with the names.
func TestMetricsAreDocumented(t *testing.T) {
	rows := documentedMetrics(t)
	registry, err := NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig()
	c.Snapshot.Directory = t.TempDir()
	v := newVault(t)
	c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile, c.TLS.HTTP = v.file("ca.pem"), v.file("node.pem"), v.file("node.pem"), false
	c.Ops.Address, c.Ops.LimitSeries = "127.0.0.1:0", []string{"d*", "other"}
	c.Limit = []config.Limit{{Name: "db", Slots: 1, Active: true, Rate: "0/s", Enforcement: "enforce"}}
	deps := testDeps(t)
	deps.Registry = registry
	node := startWith(t, c, deps)
	awaitSeed(t, node, "db")

	_ = registry.Register(newTrustMetrics(new(trust))) // where no file is named nobody did
	exist := registered(registry)
	for _, m := range LibraryMetrics() {
		exist[m.Name()] = m.Label
	}
	for name, labels := range exist {
		row, found := rows[name]
		if !found {
			t.Errorf("docs/metrics.md lacks %s", name)
		} else if row.labels != labels {
			t.Errorf("%s has the labels {%s}, documented are {%s}", name, labels, row.labels)
		}
	}
	for name, row := range rows {
		if _, exists := exist[name]; !exists {
			t.Errorf("docs/metrics.md has %s, which does not exist", name)
		}
		checkUnit(t, name, row)
	}
	checkShown(t, registry, rows)
}

// awaitSeed waits until a limit of the configuration exists.
func awaitSeed(t *testing.T, node *Daemon, name string) {
	t.Helper()
	for {
		if status, _ := send(t, node, "POST", "/v1/acquire", `{"limits":[{"name":"`+name+`"}]}`); status == 200 {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
}

// checkUnit compares a metric's unit with its name.
func checkUnit(t *testing.T, name string, row documented) {
	t.Helper()
	for suffix, unit := range map[string]string{"_seconds": "s", "_bytes": "B", "Bytes": "B"} {
		if strings.HasSuffix(name, suffix) != (row.unit == unit) && (strings.HasSuffix(name, suffix) || unit == "s") {
			t.Errorf("%s is documented in %s", name, row.unit)
		}
	}
	ours := !strings.HasPrefix(name, "limitd_raft_") && !strings.HasPrefix(name, "limitd_memberlist_")
	if total := strings.HasSuffix(name, "_total"); ours && total != (row.kind == "counter") {
		t.Errorf("%s is documented as a %s", name, row.kind)
	}
}

// checkShown compares what is shown: types, and labels of the libraries.
func checkShown(t *testing.T, r *prometheus.Registry, rows map[string]documented) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, f := range families {
		name := f.GetName()
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		row, found := rows[name]
		if !found {
			t.Errorf("docs/metrics.md lacks %s, which is shown", name)
			continue
		}
		shown++
		if kind := strings.ToLower(f.GetType().String()); kind != row.kind {
			t.Errorf("%s is a %s, documented as a %s", name, kind, row.kind)
		}
		var names []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			names = append(names, l.GetName())
		}
		if got := inOrder(names); got != row.labels {
			t.Errorf("%s is shown with {%s}, documented are {%s}", name, got, row.labels)
		}
	}
	if shown < 60 {
		t.Errorf("%d metrics are shown", shown)
	}
}

// inOrder returns labels in the order of the documentation.
func inOrder(names []string) string {
	order := []string{"route", "method", "status"}
	slices.SortFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	return strings.Join(names, ",")
}
