package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/urfave/cli/v2"
)

// keyFlags returns one flag for each configuration key. Values are read by the
// package config, which knows how to complain about them; no value is set here.
func keyFlags() []cli.Flag {
	var flags []cli.Flag
	for _, k := range config.Keys() {
		usage := fmt.Sprintf("%s [$%s]", k.Help, k.Variable())
		if k.IsBool() {
			flags = append(flags, &cli.BoolFlag{Name: k.Flag(), Usage: usage, Category: "Configuration"})
		} else {
			flags = append(flags, &cli.StringFlag{Name: k.Flag(), Usage: usage, Category: "Configuration"})
		}
	}
	return flags
}

// loadConfig reads the configuration that a command line names.
func loadConfig(c *cli.Context, w world) *config.Loaded {
	return config.Load(baseConfig(c), config.Sources{
		Paths:  append(c.StringSlice("config"), c.Args().Slice()...),
		Lookup: w.lookup, Environ: w.environ,
		Flags: givenKeys(c),
	})
}

// givenKeys returns what the flags of keyFlags were given, by key.
func givenKeys(c *cli.Context) map[string]string {
	given := map[string]string{}
	for _, k := range config.Keys() {
		if c.IsSet(k.Flag()) {
			given[k.Name] = fmt.Sprint(c.Value(k.Flag()))
		}
	}
	return given
}

// baseConfig returns what counts where nothing is said.
func baseConfig(c *cli.Context) config.Config {
	if n := c.Int("dev-cluster"); n > 0 {
		return config.DevCluster(n)
	}
	if c.Bool("dev") {
		return config.Dev()
	}
	return config.Default(hostname())
}

// hostname returns the first part of the host's name; "" where it has none:
// then a name has to be given, and Validate says so.
func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, ".")
	return host
}

func validateCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check configuration files", ArgsUsage: "FILE|DIR...",
		Description: "Reads the files as `limitd agent -config` would, variables included, and reports everything that is wrong.",
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usagef("limitd validate", "name the files or folders to check")
			}
			loaded := loadConfig(c, w)
			if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
				return silent(exitUsage)
			}
			for _, lack := range loaded.Config.MissingFiles() {
				if _, err := fmt.Fprintf(w.stderr, "Warning: %s. The node would not start on this machine.\n", lack); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintln(w.stdout, "The configuration is valid.")
			return err
		},
	}
}
