package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/urfave/cli/v2"
)

func benchCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure running nodes, and check that they over-grant nothing",
		Description: "Runs pairs of acquire and release on limits of its own, which it makes and deletes.\n" +
			"Latencies are those of the caller, waiting for a slot included. Exits with 1 where the check fails.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "address", Usage: "`ADDRESSES` of nodes, separated by commas [$LIMITD_ADDR] (default " + defaultAddress + ")"},
			&cli.StringFlag{Name: "token", Usage: "`TOKEN` to authenticate with [$LIMITD_TOKEN]"},
			&cli.IntFlag{Name: "connections", Value: 64, Usage: "callers at once"},
			&cli.DurationFlag{Name: "duration", Value: 10 * time.Second, Usage: "how long to run"},
			&cli.IntFlag{Name: "limits", Value: 16, Usage: "limits to spread the callers over"},
			&cli.Int64Flag{Name: "slots", Value: 4, Usage: "slots of each limit"},
			&cli.DurationFlag{Name: "hold", Value: time.Millisecond, Usage: "how long a caller keeps its slot"},
		},
		Action: func(c *cli.Context) error { return runBench(c, w) },
	}
}

func runBench(c *cli.Context, w world) error {
	o := bench.Options{
		Bases:       bases(setting(c, w, "address", "LIMITD_ADDR", defaultAddress)),
		Token:       setting(c, w, "token", "LIMITD_TOKEN", ""),
		Connections: c.Int("connections"), Duration: c.Duration("duration"),
		Limits: c.Int("limits"), Slots: c.Int64("slots"), Hold: c.Duration("hold"),
	}
	if o.Connections < 1 || o.Duration <= 0 || o.Limits < 1 || o.Slots < 1 || o.Hold < 0 || len(o.Bases) == 0 {
		return usagef(commandPath(c), "connections, duration, limits and slots have to be above 0, and one address is needed")
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := bench.Run(ctx, o)
	if report != nil {
		if err := report.Write(w.stdout); err != nil {
			return err
		}
	}
	if err != nil {
		return failureOf(err, o.Bases[0])
	}
	if !report.Passed() {
		return silent(exitError)
	}
	return nil
}
