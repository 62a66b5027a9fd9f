//go:build linux

// Command run sets callers and faults on clusters of the real limitd binary,
// judges what came of it, and writes a report to look at.
//
//	go run ./jepsen/run run -workload semaphore -nemesis kill,partition -nodes 3 -time 30s -seed 7
//	go run ./jepsen/run matrix          a run for each combination that matters, about a quarter of an hour
//	go run ./jepsen/run soak -hours 2   random combinations
//	go run ./jepsen/run judge out/semaphore-kill-7/history.jsonl
//
// Each run gets a folder below -out with history.jsonl and report.html; a run
// that failed leaves the nodes' data and logs there, too. It exits with 1 where
// a promise was broken, or a run proved nothing: too little traffic, or a
// nemesis that never struck.
//
// With root it keeps to itself: network and mounts are its own namespaces',
// which end with it, however it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/limitd/limitd/jepsen/nemesis"
)

func main() {
	if code, ran := nemesis.Private(); ran {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}

// errFailed says that runs failed, which was told already.
var errFailed = errors.New("not all is well: see above")

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do: run, matrix, ci, soak or judge")
	}
	rest := args[1:]
	switch args[0] {
	case "run":
		return runOne(ctx, rest)
	case "matrix":
		return runMatrix(ctx, "matrix", matrix(), rest)
	case "ci":
		return runMatrix(ctx, "ci", short(), rest)
	case "soak":
		return soak(ctx, rest)
	case "judge":
		return judgeAgain(rest)
	}
	return fmt.Errorf("no command %q: there are run, matrix, ci, soak and judge", args[0])
}
