package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// load writes a file and loads it.
func load(t *testing.T, text []byte) *Loaded {
	t.Helper()
	name := filepath.Join(t.TempDir(), "n1.hcl")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Load(Default("other"), Sources{Paths: []string{name}})
	if !l.OK() {
		t.Fatalf("%v\n%s", l.diags, text)
	}
	return l
}

// TestShownConfigurationsLoad shows one with every kind of value, and loads what
// was shown: it is the same, and shown in the same way.
func TestShownConfigurationsLoad(t *testing.T) {
	l := Load(Default("n1"), Sources{Flags: map[string]string{
		"data_dir": "/var/lib/\"limitd\" ${x}", "cluster.retry_join": "a:1,b:2", "cluster.bootstrap_expect": "3", "raft.snapshot_interval": "1h30m",
	}})
	l.Config.Limit = []Limit{newLimit("db"), newLimit(`a "b"`)}
	l.Config.Limit[0].Slots, l.Config.Limit[0].Labels = 5, map[string]string{"team": "data", "on call": "%{x}"}
	l.Config.Limit[1].Slots, l.Config.Limit[1].Grace = 1, 90*time.Second
	again := load(t, l.HCL())
	if diff := cmp.Diff(l.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("shown and loaded (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(l.Values(), again.Values()); diff != "" {
		t.Errorf("the values, shown and loaded (-before +after):\n%s", diff)
	}
	for _, line := range []string{
		`data_dir       = "/var/lib/\"limitd\" $${x}" # the flag --data-dir`,
		`  snapshot_interval    = "1h30m"  # the flag --raft-snapshot-interval`,
		`limit "a \"b\"" {`,
		`  grace       = "1m30s"   # default`,
	} {
		if !strings.Contains(string(l.HCL()), "\n"+line+"\n") {
			t.Errorf("the line %s is missing in:\n%s", line, l.HCL())
		}
	}
	if text := string(again.HCL()); !strings.Contains(text, "n1.hcl:1\n") || strings.Contains(text, "# default") {
		t.Errorf("what stands in a file is not told to:\n%s", text)
	}
}

// TestStartersLoad to what was asked for, and have every key, formatted.
func TestStartersLoad(t *testing.T) {
	l := Load(Default("n1"), Sources{Flags: map[string]string{
		"data_dir": "/data", "http.address": "127.0.0.9:1", "cluster.retry_join": "a:1", "cluster.bootstrap_expect": "3",
	}})
	text := l.Starter()
	if diff := cmp.Diff(l.Config, load(t, text).Config); diff != "" {
		t.Errorf("asked for and loaded (-asked +loaded):\n%s", diff)
	}
	if again, err := Format("starter", text); err != nil || string(again) != string(text) {
		t.Errorf("the starter is not formatted: %v", err)
	}
	// what is commented out holds as well
	all := load(t, regexp.MustCompile(`(?m)^( *)# ([a-z_]+ = )`).ReplaceAll(text, []byte("$1$2")))
	if diff := cmp.Diff(l.Config, all.Config); diff != "" {
		t.Errorf("asked for, and loaded without comments (-asked +loaded):\n%s", diff)
	}
	for _, k := range Keys() {
		if !all.Set(k.Name) || !strings.Contains(string(text), "# "+k.Help+"\n") {
			t.Errorf("%s is missing", k.Name)
		}
	}
}

func TestFormat(t *testing.T) {
	got, err := Format("x", []byte("a=1\nlong   = 2 # why\nb{\nc=3\n}\n"))
	if want := "a    = 1\nlong = 2 # why\nb {\n  c = 3\n}\n"; err != nil || string(got) != want {
		t.Errorf("%v:\n%s", err, got)
	}
	_, err = Format("x.hcl", []byte("a = \n"))
	var wrong *FormatError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "on x.hcl line 1") {
		t.Errorf("a syntax error: %v", err)
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", time.Hour: "1h", 90 * time.Minute: "1h30m", 250 * time.Millisecond: "250ms",
		10*time.Minute + 10*time.Second: "10m10s", time.Hour + time.Second: "1h0m1s", -time.Minute: "-1m",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
		if again, err := time.ParseDuration(want); err != nil || again != d {
			t.Errorf("%s is %v, %v", want, again, err)
		}
	}
}
