package reference

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

var rewrite = flag.Bool("rewrite", false, "write what was made to testdata")

// tree has one of everything.
func tree() *cli.App {
	shared := func() []cli.Flag {
		return []cli.Flag{&cli.StringFlag{Name: "address", Category: "Node", Usage: "`ADDRESSES` of nodes"}}
	}
	return &cli.App{
		Name: "limitd", Usage: "exact limits", Description: "Exit codes: 0 ok.\n.1 is no request.",
		Commands: []*cli.Command{
			{Name: "agent", Usage: "run a node", ArgsUsage: "[-config FILE|DIR]...", Flags: []cli.Flag{
				&cli.BoolFlag{Name: "dev", Usage: "in memory"},
				&cli.IntFlag{Name: "n", Aliases: []string{"number"}, Value: 3, Usage: "how many"},
				&cli.StringFlag{Name: "say", Value: "it's \"so\"", Usage: "a *text* <here> \\ [there]"},
			}},
			{Name: "limit", Usage: "limits", Description: "All about limits.", Subcommands: []*cli.Command{
				{
					Name: "get", Usage: "show one", ArgsUsage: "NAME", Flags: append(shared(), &cli.DurationFlag{Name: "timeout", Value: time.Second, Usage: "how long"}),
					Description: "limitd limit get db\n\nIt shows one,\n'quoted'.\n\nA:     b\nLong:  c",
				},
				{Name: "secret", Hidden: true},
				{Name: "list", Usage: "show all.", Flags: shared()},
			}},
			{Name: "__hidden", Hidden: true},
		},
	}
}

// golden compares with a file of testdata; -rewrite writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestUpdate(t *testing.T) {
	const old = "# Commands\n" + beginOverview + "old\n" + endPart + "text\n" + beginCommands + endPart + "end\n"
	updated, err := Update(old, tree())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "cli.md", updated)
	if again, err := Update(updated, tree()); err != nil || again != updated {
		t.Errorf("updated again it differs: %v", err)
	}
	for _, text := range []string{"", beginOverview + endPart, beginOverview + beginCommands} {
		if _, err := Update(text, tree()); !errors.Is(err, ErrMarks) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestManPages(t *testing.T) {
	var names []string
	for _, page := range ManPages(tree(), "0.1.0") {
		names = append(names, page.Name)
		golden(t, page.Name, page.Text)
		for _, line := range strings.Split(page.Text, "\n") {
			if strings.HasPrefix(line, "'") {
				t.Errorf("%s: troff would take this for a request: %s", page.Name, line)
			}
		}
	}
	if got := strings.Join(names, " "); got != "limitd.1 limitd-agent.1 limitd-limit.1" {
		t.Errorf("the pages are %s", got)
	}
}
