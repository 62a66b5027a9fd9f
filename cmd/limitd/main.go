// Command limitd is a node of a limitd cluster and the tool to operate one.
//
// A newcomer starts one node in memory and reads what it prints:
//
//	go run ./cmd/limitd agent -dev
//
// The command tree is built in one place, newApp, which help, completion and the
// tests all walk. Exit codes stand in exit.go, the wiring of a node in the
// package daemon, configuration in the package config. This package parses and
// prints, and leaves every decision to the rooms below it.
package main

import (
	"context"
	"io"
	"os"
	"runtime/debug"
)

func main() {
	faultClock()
	os.Exit(run(os.Args[1:], process()))
}

// world is what a command touches outside itself.
type world struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookup         func(variable string) (string, bool)
	environ        []string // all variables, NAME=value
}

// process is the world of a real process.
func process() world {
	return world{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, lookup: os.LookupEnv, environ: os.Environ()}
}

// run runs one command line and returns the exit code.
func run(args []string, w world) int {
	app := newApp(w)
	ordered, err := permute(app.Name, app.Commands, args)
	if err == nil {
		err = app.RunContext(context.Background(), append([]string{app.Name}, ordered...))
	}
	return report(w.stderr, err)
}

// version is the release that was built; "dev" with the commit where it was not
// stamped by the Makefile's linker flag.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}

// stamped is set by -ldflags "-X main.stamped=0.1.0" and never changes.
var stamped string
