package limitd_test

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLogKeysAreStable holds docs/operations.md to what the server logs: messages
// are constant, and the keys that operators are told to search by are in use.
func TestLogKeysAreStable(t *testing.T) {
	documented := logKeys(t)
	used := map[string]bool{}
	set, all := sources(t)
	for _, s := range all {
		if s.isTest() || !isServer(s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !logs(call) {
				return true
			}
			if _, constant := text(call.Args[0]); !constant {
				if name, ok := call.Args[0].(*ast.Ident); !ok || name.Name != "complaint" { // handed on by daemon.retry, whose callers give constants
					t.Errorf("%s: the message is not constant", set.Position(call.Pos()))
				}
			}
			for _, key := range keysOf(call.Args[1:]) {
				used[key] = true
			}
			return true
		})
		for _, key := range listedKeys(s.file) {
			used[key] = true
		}
	}
	for _, key := range documented {
		if !used[key] {
			t.Errorf("docs/operations.md has the key %q, which nothing logs", key)
		}
	}
}

// isServer tells whether what a folder logs ends in the log of an agent.
func isServer(dir string) bool {
	return slices.ContainsFunc([]string{"cluster", "transport", "cmd/limitd/daemon", "fsm"}, func(room string) bool {
		return dir == room || strings.HasPrefix(dir, room+"/")
	}) && dir != "cluster/clustertest" && dir != "transport/solo"
}

// logKeys reads the keys that docs/operations.md lists.
func logKeys(t *testing.T) (keys []string) {
	t.Helper()
	page, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n| key | |\n")
	if !found {
		t.Fatal("docs/operations.md has no table of keys")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range strings.Split(table, "\n") {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(first, -1) {
			keys = append(keys, m[1])
		}
	}
	return keys
}

// logs tells whether a call is one of a logger, with a message.
func logs(call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 || !slices.Contains([]string{"Trace", "Debug", "Info", "Warn", "Error"}, method.Sel.Name) {
		return false
	}
	switch on := method.X.(type) {
	case *ast.Ident:
		return on.Name == "log" || on.Name == "logger"
	case *ast.SelectorExpr:
		return on.Sel.Name == "log" || on.Sel.Name == "Logger"
	}
	return false
}

// keysOf returns every other argument.
func keysOf(args []ast.Expr) (keys []string) {
	for i := 0; i < len(args); i += 2 {
		if key, ok := text(args[i]); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// listedKeys returns the keys of lists that are handed to a logger: those of
// []any, and what is appended to args.
func listedKeys(file *ast.File) (keys []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if list, ok := n.Type.(*ast.ArrayType); ok {
				if of, ok := list.Elt.(*ast.Ident); ok && of.Name == "any" {
					keys = append(keys, keysOf(n.Elts)...)
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "append" && len(n.Args) > 1 {
				if to, ok := n.Args[0].(*ast.Ident); ok && to.Name == "args" {
					keys = append(keys, keysOf(n.Args[1:])...)
				}
			}
		}
		return true
	})
	return keys
}

func text(e ast.Expr) (string, bool) {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		s, err := strconv.Unquote(lit.Value)
		return s, err == nil
	}
	return "", false
}
