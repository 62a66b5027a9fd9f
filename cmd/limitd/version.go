package main

import (
	"runtime"

	"github.com/urfave/cli/v2"
)

// build says what this binary is.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func versionCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version of this binary",
		Flags: outputFlags(),
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			b := build{version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			return p.show(single(item{b.Version, b, b}, func() error {
				return p.line("limitd %s (%s, %s/%s)", b.Version, b.Go, b.OS, b.Arch)
			}))
		},
	}
}
