package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/urfave/cli/v2"
)

func configCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "write, format and show configuration files",
		Subcommands: []*cli.Command{configInit(w), configFormat(w), configShow(w)},
	}
}

func configFormat(w world) *cli.Command {
	return &cli.Command{
		Name: "fmt", Usage: "align and indent configuration files", ArgsUsage: "[FILE|DIR]...",
		Description: "Writes the result to stdout; of stdin where no file is named. Of a folder: all its *.hcl files.\n\n" +
			"limitd config fmt -w /etc/limitd",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "write only the names of files that are not formatted, and exit with 1 if there are any"},
			&cli.BoolFlag{Name: "write", Aliases: []string{"w"}, Usage: "write the result back to the files, and their names to stdout"},
		},
		Action: func(c *cli.Context) error {
			f := formatter{out: w.stdout, check: c.Bool("check"), write: c.Bool("write")}
			switch {
			case f.check && f.write:
				return usagef(commandPath(c), "give either --check or --write")
			case f.write && !c.Args().Present():
				return usagef(commandPath(c), "name the files or folders to write")
			}
			return f.run(w.stdin, c.Args().Slice())
		},
	}
}

// formatter formats files, and writes what it was told to write.
type formatter struct {
	out          io.Writer
	check, write bool
	wrong        bool // a file was not formatted
}

func (f *formatter) run(stdin io.Reader, paths []string) error {
	if len(paths) == 0 {
		text, err := io.ReadAll(stdin)
		if err == nil {
			err = f.text("stdin", text)
		}
		if err != nil {
			return formatFailure(err)
		}
	}
	for _, path := range paths {
		files, err := config.Files(path)
		if err != nil {
			return formatFailure(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err == nil {
				err = f.text(name, text)
			}
			if err != nil {
				return formatFailure(err)
			}
		}
	}
	if f.check && f.wrong {
		return silent(exitError)
	}
	return nil
}

// formatFailure gives syntax errors the exit code of a wrong configuration.
func formatFailure(err error) error {
	var wrong *config.FormatError
	if errors.As(err, &wrong) {
		return failf(exitUsage, "%s", strings.TrimPrefix(wrong.Error(), "Error: ")) // report says that it is one
	}
	return err
}

// text formats one file, whose text this is.
func (f *formatter) text(name string, text []byte) error {
	formatted, err := config.Format(name, text)
	if err != nil {
		return err
	}
	if !f.check && !f.write {
		_, err := f.out.Write(formatted)
		return err
	}
	if bytes.Equal(text, formatted) {
		return nil
	}
	f.wrong = true
	if f.write {
		if err := rewrite(name, formatted); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(f.out, name)
	return err
}

// rewrite replaces what is in a file, which keeps its owner and permissions.
func rewrite(name string, text []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func configShow(w world) *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show the configuration that counts: defaults, files, variables and flags", ArgsUsage: "[FILE|DIR]...",
		Description: "limitd config show /etc/limitd --http-address 10.0.0.1:7480\n\n" +
			"Reads as the agent does, and tells behind each value where it comes from. What is wrong is reported\n" +
			"besides, with exit code 2.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "hcl", Usage: "`FORMAT`: hcl or json"},
		}, keyFlags()...),
		Action: func(c *cli.Context) error {
			format := c.String("output")
			if format != "hcl" && format != formatJSON {
				return usagef(commandPath(c), "unknown output %q: hcl or json", format)
			}
			loaded := loadConfig(c, w)
			if err := writeConfig(printer{out: w.stdout}, format, loaded); err != nil {
				return err
			}
			if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
				return silent(exitUsage)
			}
			return nil
		},
	}
}

func writeConfig(p printer, format string, loaded *config.Loaded) error {
	if format == formatJSON {
		return p.object(loaded.Values())
	}
	_, err := p.out.Write(loaded.HCL())
	return err
}

func configInit(w world) *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "write a first configuration file for a node", ArgsUsage: "FILE",
		Description: "limitd config init limitd.hcl --name n1 --host 10.0.0.1 --allow-insecure \\\n" +
			"  --join 10.0.0.1:7482,10.0.0.2:7482,10.0.0.3:7482\n\n" +
			"FILE must not exist; - is stdout. What is given stands in it, every other key as a comment with its\n" +
			"default. --join makes a cluster of three, unless --cluster-bootstrap-expect says otherwise.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "host", Usage: "`HOST` of all three addresses, with the usual ports"},
			&cli.StringFlag{Name: "join", Usage: "gossip `ADDRESSES` of the nodes, separated by commas; this one may be among them"},
		}, keyFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef(commandPath(c), "name the file to write, such as limitd.hcl; - is stdout")
			}
			return initConfig(w, c.Args().First(), initFlags(c))
		},
	}
}

// initFlags returns what the flags say, by key.
func initFlags(c *cli.Context) map[string]string {
	given := givenKeys(c)
	otherwise := func(key, value string) {
		if _, ok := given[key]; !ok {
			given[key] = value
		}
	}
	otherwise("data_dir", "/var/lib/limitd")
	if c.IsSet("host") {
		base := config.Default("")
		for key, e := range map[string]config.Endpoint{"http.address": base.HTTP.Endpoint, "peer.address": base.Peer, "gossip.address": base.Gossip.Endpoint} {
			_, port, _ := net.SplitHostPort(e.Address) // a default has one
			otherwise(key, net.JoinHostPort(c.String("host"), port))
		}
	}
	if c.IsSet("join") {
		otherwise("cluster.retry_join", c.String("join"))
		otherwise("cluster.bootstrap_expect", "3")
	}
	return given
}

func initConfig(w world, name string, given map[string]string) error {
	loaded := config.Load(config.Default(hostname()), config.Sources{Flags: given})
	if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
		f := failf(exitUsage, "nothing was written")
		f.hint = "Every key is a flag of init, too: allow_insecure = true is --allow-insecure."
		return f
	}
	if name == "-" {
		_, err := w.stdout.Write(loaded.Starter())
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return failf(exitError, "%s exists already, and stays as it is; name another file", name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(loaded.Starter())
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "Wrote %s.\n  limitd validate %s         checks it after changes\n  limitd agent -config %s    starts the node\n", name, name, name)
	return err
}
