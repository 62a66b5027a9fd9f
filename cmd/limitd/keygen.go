package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/limitd/limitd/cluster/gossip"
	"github.com/urfave/cli/v2"
)

func keygenCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "keygen", Usage: "make a key that encrypts gossip", ArgsUsage: "[FILE]",
		Description: "Writes it to FILE, which only its owner can read, for gossip.key_file of every node; without FILE to\n" +
			"stdout. The first key of a file encrypts, each decrypts. So a key is rotated, each step on every node\n" +
			"before the next: --append one; make it the first; remove the old one.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "append", Usage: "add the key behind those of FILE"},
			&cli.BoolFlag{Name: "force", Usage: "replace FILE, if it exists, and every key in it"},
		},
		Action: func(c *cli.Context) error {
			add, force := c.Bool("append"), c.Bool("force")
			switch {
			case c.NArg() > 1:
				return usagef(commandPath(c), "unexpected argument %q", c.Args().Get(1))
			case add && force:
				return usagef(commandPath(c), "give either --append or --force")
			case (add || force) && !c.Args().Present():
				return usagef(commandPath(c), "name the file")
			}
			if !c.Args().Present() {
				_, err := fmt.Fprintln(w.stdout, gossip.NewKey())
				return err
			}
			file := c.Args().First()
			if add {
				return appendKey(w, file)
			}
			if err := writeSecret(file, []byte(gossip.NewKey()+"\n"), force); err != nil {
				return err
			}
			_, err := fmt.Fprintf(w.stdout, "Wrote %s, for every node.\n  gossip { key_file = %q }\n", file, file)
			return err
		},
	}
}

// appendKey adds a key to a file of keys.
func appendKey(w world, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := gossip.ParseKeys(string(text)); err != nil {
		return failf(exitError, "%s: %v", file, err)
	}
	all := strings.TrimRight(string(text), "\n") + "\n" + gossip.NewKey() + "\n"
	if err := writeSecret(file, []byte(all), true); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "Added a key to %s. Once every node has it, make it the first line on every node.\n", file)
	return err
}
