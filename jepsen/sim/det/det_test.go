package det

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheEditsFitThisGo has the edits applied to the runtime of the Go that runs
// the test. On a version for which they are not made, nothing is to be edited.
func TestTheEditsFitThisGo(t *testing.T) {
	root, version, err := toolchain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !fits(version) {
		t.Logf("%s is not %s: a plain binary is built", version, knownVersion)
		return
	}
	folder := t.TempDir()
	replace, err := seeded(root, folder, map[string]string{"a.go": "b.go"})
	if err != nil {
		t.Fatal(err)
	}
	if len(replace) != len(files())+1 || replace["a.go"] != "b.go" {
		t.Errorf("replaced: %v", replace)
	}
	for from, to := range replace {
		if from == "a.go" {
			continue
		}
		if same(t, from, to) {
			t.Errorf("%s was not changed", from)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), to, nil, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s is no Go any more: %v", from, err)
		}
	}
}

func same(t *testing.T, from, to string) bool {
	t.Helper()
	old, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return string(old) == string(now)
}

func TestAnEditFitsOnce(t *testing.T) {
	f := file{name: "x.go", edits: []edit{{"one", "two"}, {"three", "four"}}, append: "five\n"}
	if got, err := f.change("one three\n"); err != nil || got != "two four\nfive\n" {
		t.Errorf("it becomes %q, %v", got, err)
	}
	for _, text := range []string{"one\n", "one one three\n", ""} {
		if got, err := f.change(text); !errors.Is(err, errNoFit) || got != "" {
			t.Errorf("%q becomes %q, %v", text, got, err)
		}
	}
}

// TestAnotherRuntimeIsNotEdited has a source tree whose files are others.
func TestAnotherRuntimeIsNotEdited(t *testing.T) {
	root := t.TempDir()
	if _, err := seeded(root, t.TempDir(), nil); err == nil || errors.Is(err, errNoFit) {
		t.Errorf("without sources: %v", err)
	}
	for _, f := range files() {
		path := filepath.Join(root, "src", filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package runtime\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := seeded(root, t.TempDir(), nil); !errors.Is(err, errNoFit) {
		t.Errorf("other sources: %v", err)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{knownVersion: true, knownVersion + ".8": true, knownVersion + "0": false, "go1.2": false, "": false} {
		if fits(version) != want {
			t.Errorf("%q fits: %v", version, !want)
		}
	}
}

func TestTheOverlayIsWhatGoReads(t *testing.T) {
	path, err := write(t.TempDir(), map[string]string{"from": "to"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil || overlay.Replace["from"] != "to" {
		t.Errorf("%s: %v", text, err)
	}
}

func TestSettingsRunOneAtATime(t *testing.T) {
	all := strings.Join(Settings(), " ")
	for _, says := range []string{"GOMAXPROCS=1", "asyncpreemptoff=1", "GOGC=off"} {
		if !strings.Contains(all, says) {
			t.Errorf("%s is not among %s", says, all)
		}
	}
}
