// Package limitd_test holds the code to the layout of DESIGN.md: imports point
// down only, the state machine is pure, the leaves stay leaves.
package limitd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/limitd/limitd/"

// room is a folder of packages and its height. A package may import what lies
// lower, and the folders inside its own.
type room struct {
	path   string
	height int
}

// rooms lists all places for Go code; the longest path that fits counts.
func rooms() []room {
	return []room{
		{"fsm/command", 0},
		{"transport/wire", 0},
		{"fsm/acl", 5},
		{"fsm/limit", 10},
		{"fsm", 20},
		{"cluster/clock", 24},
		{"cluster/store", 25},
		{"cluster/gossip", 25},
		{"cluster", 30},
		{"cluster/clustertest", 31},
		{"transport/decay", 35},
		{"transport/drain", 35},
		{"transport/trace", 35},
		{"transport/auth", 35},
		{"transport/audit", 35},
		{"transport/cert", 35},
		{"transport/solo", 35}, // tests only
		{"transport/peer", 40},
		{"transport/forward", 40},
		{"transport/httpapi", 40},
		{"transport/prefect", 40},
		{"client", 40},
		{"client/clienttest", 45}, // a cluster for the tests of programs: above what it is made of
		{"docs", 0},               // docs/openapi.yaml as a package to embed
		{"cmd/limitd/config", 45},
		{"cmd/limitd/backup", 45},
		{"cmd/limitd/bench", 45},
		{"cmd/limitd/reference", 45},
		{"cmd/limitd/screen", 45},
		{"cmd/limitd/top", 45},
		{"cmd/limitd/child", 45},
		{"cmd/limitd/daemon", 50},
		{"cmd/limitd/devcluster", 55},
		{"cmd/limitd", 60},
		{"examples", 60}, // what a user's programs look like
		{"jepsen", 60},
		{"jepsen/sim", 70},     // looks inside: the one part of jepsen that knows fsm
		{"jepsen/mutants", 80}, // builds the simulator
	}
}

// onlyStandard are rooms that import the standard library alone, and what is
// named here of this module.
func onlyStandard() map[string][]string {
	return map[string][]string{
		"fsm/command":    nil,
		"transport/wire": nil,
		"client":         {"transport/wire"},
	}
}

// source is one parsed file.
type source struct {
	dir, name string // dir from the module's root, with slashes
	file      *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports() []string {
	var list []string
	for _, spec := range s.file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
		list = append(list, name)
	}
	return list
}

// sources parses every Go file of the module, not those of nested modules.
func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	set := token.NewFileSet()
	var all []source
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (slices.Contains([]string{"testdata", "tools", "bin", "data"}, entry.Name()) || strings.HasPrefix(entry.Name(), ".") && name != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err == nil {
			all = append(all, source{path.Dir(filepath.ToSlash(name)), filepath.Base(name), file})
		}
		return err
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("read the sources: %d files, %v", len(all), err)
	}
	return set, all
}

func roomOf(t *testing.T, dir string) room {
	t.Helper()
	best := room{}
	for _, r := range rooms() {
		if (dir == r.path || strings.HasPrefix(dir, r.path+"/")) && len(r.path) > len(best.path) {
			best = r
		}
	}
	if best.path == "" {
		t.Fatalf("the folder %s is in no room of this test's list, and of DESIGN.md", dir)
	}
	return best
}

// TestImportsPointDown checks the imports of everything that is not a test.
func TestImportsPointDown(t *testing.T) {
	_, all := sources(t)
	for _, s := range all {
		if s.isTest() {
			continue
		}
		from := roomOf(t, s.dir)
		for _, imported := range s.imports() {
			dir, own := strings.CutPrefix(imported, module)
			if !own {
				continue
			}
			to := roomOf(t, dir)
			inside := to == from || strings.HasPrefix(dir, s.dir+"/")
			if to.height >= from.height && !inside {
				t.Errorf("%s/%s imports %s, which is not below it", s.dir, s.name, dir)
			}
			if (from.path == "jepsen" || from.path == "jepsen/mutants") && strings.HasPrefix(dir, "fsm") {
				t.Errorf("%s/%s imports %s: the checks must not share code with what they check", s.dir, s.name, dir)
			}
		}
	}
}

// TestLeavesStayLeaves keeps third-party code out of what others import.
func TestLeavesStayLeaves(t *testing.T) {
	_, all := sources(t)
	for _, s := range all {
		allowed, bound := onlyStandard()[s.dir]
		if !bound || s.isTest() {
			continue
		}
		for _, imported := range s.imports() {
			dir, own := strings.CutPrefix(imported, module)
			first, _, _ := strings.Cut(imported, "/")
			if own && !slices.Contains(allowed, dir) || !own && strings.Contains(first, ".") {
				t.Errorf("%s/%s imports %s; the standard library has to do", s.dir, s.name, imported)
			}
		}
	}
}

// TestStateMachineIsPure looks for what would make two nodes differ: clocks,
// chance, floats, goroutines, channels, the outside world.
func TestStateMachineIsPure(t *testing.T) {
	set, all := sources(t)
	banned := []string{"math/rand", "math/rand/v2", "crypto/rand", "os", "net", "net/http", "sync", "sync/atomic", "log", "time", "unsafe"}
	for _, s := range all {
		if s.isTest() || s.dir != "fsm/limit" && s.dir != "fsm/acl" && s.dir != "fsm/command" {
			continue
		}
		for _, imported := range s.imports() {
			if slices.Contains(banned, imported) {
				t.Errorf("%s/%s imports %s", s.dir, s.name, imported)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if what := impure(n); what != "" {
				t.Errorf("%s: %s in the state machine", set.Position(n.Pos()), what)
			}
			return true
		})
	}
}

func impure(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
		return "a channel"
	case *ast.Ident:
		if n.Name == "float64" || n.Name == "float32" {
			return "a float"
		}
	}
	return ""
}

// TestNothingHappensByItself keeps code from running because it is imported.
func TestNothingHappensByItself(t *testing.T) {
	set, all := sources(t)
	for _, s := range all {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function", set.Position(f.Pos()))
			}
		}
	}
}
