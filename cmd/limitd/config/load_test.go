package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a file in a fresh folder, or in dir, and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func variables(set map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := set[name]; return v, ok }
}

func reportOf(t *testing.T, l *Loaded) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := l.Report(&b, 0); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLaterSourcesWin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "10-base.hcl", `
		data_dir = "/a"
		log {
		  level  = "warn"
		  format = "json"
		}
		limit "db" {
		  slots       = 3
		  description = "base"
		}`)
	write(t, dir, "20-more.hcl", `
		data_dir = "/b"
		log { level = "debug" }
		limit "db" { slots = 5 }`)
	write(t, dir, "ignored.txt", `not hcl`)
	l := Load(Default("host"), Sources{
		Paths:  []string{dir},
		Lookup: variables(map[string]string{"LIMITD_NAME": "v", "LIMITD_PEER_ADDRESS": "127.0.0.1:1"}),
		Flags:  map[string]string{"name": "f", "limits.patience": "3s"},
	})
	if !l.OK() {
		t.Fatal(reportOf(t, l))
	}
	c := l.Config
	if c.DataDir != "/b" || c.Log != (Log{"debug", "json"}) || c.Name != "f" || c.Peer.Address != "127.0.0.1:1" || c.Limits.Patience != 3*time.Second {
		t.Errorf("merged to %+v", c)
	}
	if len(c.Limit) != 1 || c.Limit[0].Slots != 5 || c.Limit[0].Description != "base" {
		t.Errorf("limits merged to %+v", c.Limit)
	}
}

func TestEnvironmentInFiles(t *testing.T) {
	path := write(t, t.TempDir(), "n.hcl", `data_dir = "${env("BASE")}/limitd"`)
	l := Load(Default("n"), Sources{Paths: []string{path}, Lookup: variables(map[string]string{"BASE": "/srv"})})
	if !l.OK() || l.Config.DataDir != "/srv/limitd" {
		t.Errorf("data_dir is %q: %s", l.Config.DataDir, reportOf(t, l))
	}
	missing := reportOf(t, Load(Default("n"), Sources{Paths: []string{path}}))
	if !strings.Contains(missing, "the environment variable BASE is not set") || strings.Count(missing, "Error:") != 1 {
		t.Errorf("an unset variable is reported as:\n%s", missing)
	}
}

// TestEverythingWrongAtOnce gives one file all kinds of mistakes and expects
// each to be reported with its line.
func TestEverythingWrongAtOnce(t *testing.T) {
	path := write(t, t.TempDir(), "bad.hcl", `nme = "x"
data_dir = 5
snapshot { file = "x" }
raft {
  heartbeat_timeout = 5
  log_store         = "walx"
  trailing_logs     = 10
}
limit "db" {
  slots    = 5000
  rate     = "ten"
  numbered = true
}
limit "a/b" { slots = 1 }
limit "c" {}
limts {}
cluster {
  bootstrap_expect = 1
  retry_join       = ["10.0.0.1"]
}
gossip { advertise = "0.0.0.0:1" }
`)
	report := reportOf(t, Load(Default("n"), Sources{Paths: []string{path}}))
	for _, want := range []string{
		`Did you mean "name"?`, "data_dir does not take this", `An argument named "file"`,
		"raft.heartbeat_timeout does not take this", "one of: boltdb, wal", "takes 10240 to",
		"numbered limit has at most 4096", "slots per unit", "not a limit's name",
		`how many slots limit "c" has`, `Did you mean "limits"?`, "Two clusters in the making",
		`"10.0.0.1" is not host:port`, "nobody can dial",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, line := range []string{"line 1:", "line 2:", "line 3,", "line 5,", "line 6,", "line 7,", "line 9,", "line 11,", "line 14,", "line 15,", "line 16,", "line 18,", "line 19,", "line 21,"} {
		if !strings.Contains(report, line) {
			t.Errorf("the report names no %s", line)
		}
	}
	if t.Failed() {
		t.Log(report)
	}
}

func TestANodeThatFoundsNothingMustFindACluster(t *testing.T) {
	for file, want := range map[string]string{
		`cluster { bootstrap_expect = 0 }`:                                        "A node that would wait for ever",
		"cluster {\n bootstrap_expect = 0\n retry_join = [\"10.0.0.1:7482\"]\n}":  "",
		"cluster {\n bootstrap_expect = -1\n retry_join = [\"10.0.0.1:7482\"]\n}": "takes 0 to 9",
	} {
		report := reportOf(t, Load(Dev(), Sources{Paths: []string{write(t, t.TempDir(), "n.hcl", file)}}))
		if want == "" && report != "" || !strings.Contains(report, want) {
			t.Errorf("%s: want %q, got:\n%s", file, want, report)
		}
	}
}

// TestANodeWithoutAVoteMustFindACluster refuses one that nobody would ever hear of.
func TestANodeWithoutAVoteMustFindACluster(t *testing.T) {
	c := Dev()
	c.Cluster.Role = "nonvoter"
	if problems := Validate(c); len(problems) != 1 || problems[0].Key != "cluster.role" {
		t.Errorf("%v", problems)
	}
	c.Cluster.BootstrapExpect, c.Cluster.RetryJoin = 0, []string{"10.0.0.1:7482"}
	if problems := Validate(c); len(problems) != 0 {
		t.Errorf("%v", problems)
	}
}

func TestOpenToTheNetwork(t *testing.T) {
	base := Default("n")
	base.DataDir = "/d"
	for _, test := range []struct{ name, file, want string }{
		{"refused", `http { address = "10.0.0.1:7480" }`, "write this line at the top of the file: allow_insecure = true"},
		{"allowed", "allow_insecure = true\nhttp { address = \"10.0.0.1:7480\" }", ""},
		{"wildcard peer", "allow_insecure = true\npeer { address = \":7481\" }", `peer { advertise = "HOST:PORT" }`},
		{"wildcard with advertise", "allow_insecure = true\npeer {\n address = \"0.0.0.0:7481\"\n advertise = \"n1:7481\"\n}\nhttp { address = \"0.0.0.0:7480\" }", ""},
		{"localhost", `http { address = "localhost:7480" }`, ""},
		{"IPv6 loopback", `http { address = "[::1]:7480" }`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, t.TempDir(), "n.hcl", test.file)
			report := reportOf(t, Load(base, Sources{Paths: []string{path}}))
			if test.want == "" && report != "" || !strings.Contains(report, test.want) {
				t.Errorf("want %q, got:\n%s", test.want, report)
			}
		})
	}
}

// TestUnsuitableTexts gives flags and variables what they do not take.
func TestUnsuitableTexts(t *testing.T) {
	report := reportOf(t, Load(Dev(), Sources{
		Lookup: variables(map[string]string{"LIMITD_LIMITS_REMEMBER": "60", "LIMITD_LOG_LEVEL": "loud"}),
		Flags:  map[string]string{"allow_insecure": "maybe", "limits.max_waiters": "many"},
	}))
	for _, want := range []string{
		`the variable LIMITD_LIMITS_REMEMBER is "60"`, "log.level was set by the variable LIMITD_LOG_LEVEL",
		`the flag --allow-insecure is "maybe"`, `the flag --limits-max-waiters is "many"`,
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
}

// TestAnUnsuitableTextIsOneError: it is not judged as the nothing that it is, and on
// a command line nobody needs quotes.
func TestAnUnsuitableTextIsOneError(t *testing.T) {
	for _, l := range []*Loaded{
		Load(Dev(), Sources{Flags: map[string]string{"raft.heartbeat_timeout": "abc"}}),
		Load(Dev(), Sources{Flags: map[string]string{"raft.election_timeout": "abc"}}),
		Load(Dev(), Sources{Lookup: variables(map[string]string{"LIMITD_CLUSTER_BOOTSTRAP_EXPECT": "x"})}),
		Load(Dev(), Sources{Paths: []string{write(t, t.TempDir(), "n.hcl", `raft { heartbeat_timeout = "abc" }`)}}),
	} {
		report := reportOf(t, l)
		if strings.Count(report, "Error:") != 1 || strings.Contains(report, "in quotes") != strings.Contains(report, "n.hcl") {
			t.Errorf("reported:\n%s", report)
		}
	}
}

// TestALimitAndAKeyStandOnceInAFile: it is in other files that values may be replaced.
func TestALimitAndAKeyStandOnceInAFile(t *testing.T) {
	path := write(t, t.TempDir(), "n.hcl", `limit "db" { slots = 5 }
log { level = "warn" }
raft { log_store = "wal" }
limit "gpu" { slots = 1 }
limit "db" { slots = 7 }
log {
  format = "json"
  level  = "info"
}
raft { trailing_logs = 20000 }
`)
	report := reportOf(t, Load(Dev(), Sources{Paths: []string{path}}))
	for _, want := range []string{"n.hcl line 5, in limit", `limit "db" stands in line 1 already`, "n.hcl line 8, in log", "log.level stands in line 2 already"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if strings.Count(report, "Error:") != 2 {
		t.Error(report)
	}
}

func TestPathsThatCannotBeRead(t *testing.T) {
	report := reportOf(t, Load(Dev(), Sources{Paths: []string{filepath.Join(t.TempDir(), "none.hcl"), t.TempDir()}}))
	if !strings.Contains(report, "none.hcl: no such file") || !strings.Contains(report, "holds no *.hcl file") {
		t.Errorf("reported:\n%s", report)
	}
}

func TestDevIsValid(t *testing.T) {
	if problems := Validate(Dev()); len(problems) > 0 {
		t.Errorf("agent -dev is refused: %v", problems)
	}
}

func TestTheUpstreamIsNotTheNodeItself(t *testing.T) {
	for _, x := range []struct {
		address, advertise, upstream string
		own                          bool
	}{
		{"127.0.0.1:7480", "", "http://127.0.0.1:7480/api", true},
		{"127.0.0.1:7480", "", "http://localhost:7480/api", true},
		{"localhost:80", "", "http://user:secret@127.0.0.1/api", true},
		{"0.0.0.0:7480", "n1.example:7480", "http://N1.example:7480/api", true},
		{"0.0.0.0:7480", "n1.example:7480", "http://127.0.0.1:7480/api", true},
		{"127.0.0.1:7480", "", "http://127.0.0.1:4200/api", false},
		{"127.0.0.1:7480", "", "http://127.0.0.2:7480/api", false},
		{"0.0.0.0:7480", "n1.example:7480", "http://prefect:7480/api", false},
	} {
		c := Dev()
		c.AllowInsecure = true
		c.HTTP.Address, c.HTTP.Advertise, c.Prefect.Upstream = x.address, x.advertise, x.upstream
		problems := Validate(c)
		if own := len(problems) > 0; own != x.own || own && problems[0].Key != "prefect.upstream" {
			t.Errorf("%+v: %v", x, problems)
		}
		if len(problems) > 0 && strings.Contains(problems[0].Detail, "secret") {
			t.Errorf("%v tells a secret", problems)
		}
	}
}

func TestAProblemIsToldOnce(t *testing.T) {
	c := Dev()
	c.HTTP.MaxConnections = 0
	if problems := Validate(c); len(problems) != 1 || problems[0].Key != "http.max_connections" {
		t.Errorf("%v", problems)
	}
	c = Dev()
	c.HTTP.IdleTimeout = 0 // which net/http would take for: for ever
	if problems := Validate(c); len(problems) != 1 || problems[0].Key != "http.idle_timeout" {
		t.Errorf("%v", problems)
	}
}

func TestLimitSettings(t *testing.T) {
	l := newLimit("api")
	l.Slots, l.Rate, l.Enforcement, l.Grace = 10, "100/m", "shadow", time.Second
	l.Labels = map[string]string{"b": "2", "a": "1"}
	s, err := l.Settings()
	if err != nil || s.Slots != 10 || !s.Active || !s.Shadow || s.Grace != 1e9 || s.Rate.Text != "100/m" {
		t.Fatalf("settings %+v, %v", s, err)
	}
	if len(s.Labels) != 2 || s.Labels[0].Key != "a" {
		t.Errorf("labels are not sorted: %v", s.Labels)
	}
}

// TestOpsIsForThisMachine lets profiles be reached from elsewhere only where
// the operator says so.
func TestOpsIsForThisMachine(t *testing.T) {
	for _, c := range []struct {
		ops  Ops
		open bool
		key  string
	}{
		{ops: Ops{Address: "127.0.0.1:7483", LimitSeries: []string{"gpu", "db-*", "*"}}},
		{ops: Ops{Address: "10.0.0.1:7483"}, key: "ops.address"},
		{ops: Ops{Address: "10.0.0.1:7483"}, open: true},
		{ops: Ops{Address: "7483"}, key: "ops.address"},
		{ops: Ops{LimitSeries: []string{"a*b"}}, key: "ops.limit_series"},
		{ops: Ops{LimitSeries: []string{""}}, key: "ops.limit_series"},
	} {
		k := &checker{}
		k.ops(Config{AllowInsecure: c.open, Ops: c.ops})
		if len(k.problems) > 0 != (c.key != "") || c.key != "" && k.problems[0].Key != c.key {
			t.Errorf("%+v, insecure %v: %v", c.ops, c.open, k.problems)
		}
	}
}
