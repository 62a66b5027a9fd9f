package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/cmd/limitd/reference"
	"github.com/urfave/cli/v2"
)

// TestTheReferenceIsFresh compares docs/cli.md with the command tree.
func TestTheReferenceIsFresh(t *testing.T) {
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := reference.Update(string(text), newApp(world{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), fresh); diff != "" {
		t.Errorf("docs/cli.md is stale; run: make docs\n%s", diff)
	}
}

// TestEveryCommandIsDocumented: each has a usage, each flag too, and flags of one
// category are the same wherever they stand, because they are described once.
func TestEveryCommandIsDocumented(t *testing.T) {
	seen := map[string]string{}
	app := newApp(world{})
	each(app.Commands, nil, func(path []string) {
		c := &cli.Command{Subcommands: app.Commands}
		for _, name := range path {
			c = find(c.Subcommands, name)
		}
		if !c.Hidden && c.Usage == "" {
			t.Errorf("%v has no usage", path)
		}
		for _, f := range c.Flags {
			told := f.(cli.DocGenerationFlag)
			if told.GetUsage() == "" {
				t.Errorf("%v: --%s has no usage", path, f.Names()[0])
			}
			key := f.(cli.CategorizableFlag).GetCategory() + "/" + f.Names()[0]
			text := told.GetUsage() + told.GetDefaultText()
			if before, known := seen[key]; known && !strings.HasPrefix(key, "/") && before != text {
				t.Errorf("%v: --%s is another flag elsewhere: %q, %q", path, f.Names()[0], text, before)
			}
			seen[key] = text
		}
	})
}

// TestDocsCommand writes what make docs and make man do.
func TestDocsCommand(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "cli.md")
	if err := os.WriteFile(page, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	w := world{stderr: &stderr}
	if code := run([]string{"__docs", "cli", page}, w); code != exitError || !strings.Contains(stderr.String(), "lacks the marks") {
		t.Errorf("a file without marks: %d %s", code, stderr.String())
	}
	if code := run([]string{"__docs", "nonsense"}, w); code != exitUsage {
		t.Errorf("nonsense: %d", code)
	}
	if code := run([]string{"__docs", "man", filepath.Join(dir, "man")}, w); code != exitOK {
		t.Fatalf("man: %s", stderr.String())
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*.1"))
	if err != nil || len(pages) < 10 {
		t.Errorf("man pages: %v %v", pages, err)
	}
}
