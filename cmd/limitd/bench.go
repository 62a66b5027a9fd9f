package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/limitd/limitd/cmd/limitd/bench"
	"github.com/urfave/cli/v2"
)

func benchCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure running nodes, and check that they over-grant nothing",
		Description: "Works on limits of its own, which it makes and deletes. Latencies are those of the caller,\n" +
			"waiting for a slot included. Exits with 1 where the over-admission check fails.",
		Subcommands: []*cli.Command{
			benchMode(w, bench.Pairs, "acquire and release slots of many limits",
				callersFlag(64), durationFlag(), arrivalsFlag(), holdFlag(time.Millisecond),
				&cli.IntFlag{Name: "limits", Value: 16, Usage: "limits to spread the callers over"},
				&cli.Int64Flag{Name: "slots", Value: 4, Usage: "slots of each limit"}),
			benchMode(w, bench.Contended, "acquire and release slots of one limit that all callers want",
				callersFlag(64), durationFlag(), arrivalsFlag(), holdFlag(0),
				&cli.Int64Flag{Name: "slots", Value: 1, Usage: "slots of the limit"}),
			benchMode(w, bench.Rate, "acquire from one rate limit, as fast as it lets",
				callersFlag(64), durationFlag(), arrivalsFlag(),
				&cli.Int64Flag{Name: "slots", Value: 100, Usage: "slots of the limit"},
				&cli.Int64Flag{Name: "decay", Value: 1000, Usage: "slots that come back each second"}),
			benchMode(w, bench.Waiters, "park callers in one queue, and grant them all at once",
				callersFlag(1000),
				&cli.DurationFlag{Name: "duration", Value: time.Minute, Usage: "how long the queue may take to fill"}),
		},
	}
}

func callersFlag(n int) cli.Flag {
	return &cli.IntFlag{Name: "connections", Value: n, Usage: "callers at once"}
}

func durationFlag() cli.Flag {
	return &cli.DurationFlag{Name: "duration", Value: 10 * time.Second, Usage: "how long to run"}
}

func arrivalsFlag() cli.Flag {
	return &cli.Float64Flag{Name: "rate", Usage: "operations to begin a `SECOND`, whether or not earlier ones were answered; latencies count from when they were due (default: as fast as they are answered)"}
}

func holdFlag(d time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "hold", Value: d, Usage: "how long a caller keeps its slot"}
}

func benchMode(w world, mode bench.Mode, usage string, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: string(mode), Usage: usage,
		Flags:  slices.Concat(flags, nodeFlags(), outputFlags()),
		Action: func(c *cli.Context) error { return runBench(c, w, mode) },
	}
}

// benchOptions reads what the mode has flags for.
func benchOptions(c *cli.Context, w world, mode bench.Mode) bench.Options {
	given := clientConfig(c, w)
	o := bench.Options{
		Mode:        mode,
		Bases:       given.Addresses,
		Token:       given.Token,
		Connections: c.Int("connections"), Duration: c.Duration("duration"), Rate: c.Float64("rate"),
		Limits: 1, Slots: c.Int64("slots"), Decay: c.Int64("decay"), Hold: c.Duration("hold"),
	}
	switch mode {
	case bench.Pairs:
		o.Limits = c.Int("limits")
	case bench.Waiters:
		o.Slots = int64(o.Connections)
	}
	return o
}

func runBench(c *cli.Context, w world, mode bench.Mode) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	o := benchOptions(c, w, mode)
	if err := checkBases(o.Bases); err != nil {
		return err
	}
	if o.TLS, err = clientConfig(c, w).TLS(); err != nil {
		return clientFailure(err)
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := bench.Run(ctx, o)
	if errors.Is(err, bench.ErrOptions) {
		return usagef(commandPath(c), "%v", err)
	}
	if report != nil {
		if err := writeReport(p, report); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return failf(exitError, "interrupted")
	case err != nil:
		return failureOf(err, o.Bases[0])
	case !report.Check.Passed:
		return silent(exitError)
	}
	return nil
}

func writeReport(p printer, report *bench.Report) error {
	it := item{name: string(report.Mode), value: report, json: report}
	return p.show(single(it, func() error { return report.Write(p.out) }))
}
