package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

func versionCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version of this binary",
		Flags: []cli.Flag{outputFlag()},
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			if p.json {
				return p.object(map[string]string{"version": version(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			_, err = fmt.Fprintf(w.stdout, "limitd %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
