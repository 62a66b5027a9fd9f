package config

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzFile: whatever stands in a file, it is read or reported, and never met as
// a bug. What is read without a report keeps the rules. Files are short: what is
// wrong with one block is wrong with it in a long file, too.
func FuzzFile(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("..", "..", "..", "config.hcl.example"))
	if err != nil {
		f.Fatal(err)
	}
	for block := range bytes.SplitSeq(example, []byte("\n}\n")) {
		f.Add(append(block, "\n}\n"...)[:min(len(block)+3, longestFuzzed)])
	}
	for _, text := range []string{
		``, `name = "a"`, `data_dir = env("HOME")`, `data_dir = env("NONE")`, `name = null`,
		`cluster { join = ["a:1", null] }`, `cluster { bootstrap_expect = 1e400 }`, `raft { heartbeat_timeout = "1h30m" }`,
		`raft { heartbeat_timeout = [for s in ["1s"] : s][0] }`, `limit "db" { slots = 5 }`, `limit "db" {}`, `limit "a/b" { slots = -1 }`,
		`limit "x" { labels = { a = "b", c = null } }`, `limit "x" { labels = env }`, `tls {}`, "name = <<X\na\nX\n",
		`http { address = "${env("HOME")}:1" }`, `name = 1 ? 2 : 3`,
	} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "fuzz.hcl")
	lookup := variables(map[string]string{"HOME": "/home"})
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > longestFuzzed {
			return
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l := Load(Default("host"), Sources{Paths: []string{path}, Lookup: lookup})
		var report bytes.Buffer
		wrong, err := l.Report(&report, 78)
		if err != nil || wrong != (report.Len() > 0) || !l.OK() && !wrong {
			t.Errorf("%q is OK: %v, and reported: %q, %v", text, l.OK(), report.String(), err)
		}
		if problems := Validate(l.Config); l.OK() && len(problems) > 0 {
			t.Errorf("%q is OK, and breaks rules: %v", text, problems)
		}
	})
}

// longestFuzzed is how many bytes a fuzzed file has at most.
const longestFuzzed = 512
