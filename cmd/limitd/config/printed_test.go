package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestWhatWeTellPeopleToWriteParses reads every block of a configuration that a
// message, a help text or a page of docs holds, as a node would.
func TestWhatWeTellPeopleToWriteParses(t *testing.T) {
	blocks := 0
	err := filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && slices.Contains([]string{"jepsen", "tools", ".git"}, entry.Name()) {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			for _, text := range literals(t, path) {
				blocks += tryBlocks(t, path, text)
			}
		case strings.HasSuffix(path, ".md"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			blocks += tryBlocks(t, path, string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if blocks < 20 {
		t.Errorf("%d blocks were found, which are too few to be all", blocks)
	}
}

// tryBlocks parses the blocks in a text, and tells how many there are. One without an
// equals sign stands for a block, in a sentence.
func tryBlocks(t *testing.T, path, text string) (found int) {
	t.Helper()
	var names []string
	for _, b := range schema("").Blocks {
		names = append(names, b.Type)
	}
	verb := regexp.MustCompile(`%[qsdv]|= \.\.\.`)
	for _, block := range regexp.MustCompile(`\b(?:`+strings.Join(names, "|")+`)(?: "[^"]*")? +\{[^{}]*=[^{}]*\}`).FindAllString(text, -1) {
		if strings.Contains(block, "\n#") {
			continue // a comment of a file that is written
		}
		found++
		filled := verb.ReplaceAllStringFunc(block, func(v string) string {
			if v[0] == '=' {
				return `= "x"`
			}
			return `"x"`
		})
		if _, diags := hclsyntax.ParseConfig([]byte(filled+"\n"), path, hcl.InitialPos); diags.HasErrors() {
			t.Errorf("%s: this does not parse: %v\n%s", path, diags, block)
		}
	}
	return found
}

// literals returns the texts in a file of Go.
func literals(t *testing.T, path string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}
