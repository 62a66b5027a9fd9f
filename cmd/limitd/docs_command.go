package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/limitd/limitd/cmd/limitd/reference"
	"github.com/urfave/cli/v2"
)

// docsCommand writes documentation of the command tree: for make, not for people.
func docsCommand(w world, app *cli.App) *cli.Command {
	return &cli.Command{
		Name: "__docs", Hidden: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			switch what, where := c.Args().Get(0), c.Args().Get(1); {
			case c.NArg() == 2 && what == "cli":
				return updateReference(app, where)
			case c.NArg() == 2 && what == "man":
				return writeManPages(app, where)
			}
			return usagef("limitd", "__docs cli FILE updates docs/cli.md; __docs man FOLDER writes man pages")
		},
	}
}

func updateReference(app *cli.App, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	updated, err := reference.Update(string(text), app)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return rewrite(name, []byte(updated))
}

func writeManPages(app *cli.App, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, page := range reference.ManPages(app, version()) {
		if err := os.WriteFile(filepath.Join(dir, page.Name), []byte(page.Text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
