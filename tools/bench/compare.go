package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/limitd/limitd/tools/bench/load"
	"github.com/limitd/limitd/tools/bench/rig"
)

// entrant is one of those who are compared.
type entrant struct {
	name   string
	system *rig.System
	open   func(i int) (load.Caller, error)
}

// outcome is what an entrant got done, one figure a round.
type outcome struct {
	name      string
	perSecond load.Series
	p50, p99  load.Series // s
	cpu       load.Series // of its servers, s an operation
	own       load.Series // of its callers, s an operation
	unit      load.Series // what p50 is told in, s; empty: nothing
	failed    int64       // operations, of all rounds
}

// compare has the entrants work in turns, forth in one round and back in the
// next, so that what drifts hits all of them. unit is measured before each turn, where
// it is given.
func (b *trial) compare(ctx context.Context, callers int, entrants []entrant, unit func() (time.Duration, error)) ([]outcome, error) {
	outcomes := make([]outcome, len(entrants))
	for round := range b.rounds {
		order := make([]int, len(entrants))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			e, o := entrants[i], &outcomes[i]
			o.name = e.name
			if unit != nil {
				d, err := unit()
				if err != nil {
					return nil, err
				}
				o.unit = append(o.unit, d.Seconds())
			}
			r, err := load.Run(ctx, load.Plan{Callers: callers, Warm: b.warm, For: b.length, Open: e.open, Meter: e.system.CPU})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
			b.log("round %d/%d, %d callers, %s: %.0f/s", round+1, b.rounds, callers, e.name, r.PerSecond())
			if r.Failed > 0 {
				b.log("%d operations failed: %v", r.Failed, r.Err)
			}
			o.add(r)
		}
	}
	return outcomes, nil
}

func (o *outcome) add(r load.Result) {
	o.perSecond = append(o.perSecond, r.PerSecond())
	o.p50 = append(o.p50, r.Latency(50).Seconds())
	o.p99 = append(o.p99, r.Latency(99).Seconds())
	o.cpu = append(o.cpu, r.Each(r.Metered).Seconds())
	o.own = append(o.own, r.Each(r.Own).Seconds())
	o.failed += r.Failed
}

// find returns the outcome of that name.
func find(outcomes []outcome, name string) outcome {
	for _, o := range outcomes {
		if o.name == name {
			return o
		}
	}
	return outcome{name: name}
}

// tabulate writes outcomes as a table in markdown, with ratios to the one named base.
func tabulate(w io.Writer, title, operation, base string, outcomes []outcome) {
	fmt.Fprintf(w, "\n**%s**\n\n", title)
	fmt.Fprintf(w, "| | %ss/s | x %s | p50 | p99 | CPU of the servers, each | of the callers |\n|---|---|---|---|---|---|---|\n", operation, base)
	to := find(outcomes, base).perSecond
	for _, o := range outcomes {
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %.0f us | %.0f us |\n", o.name, spread(o.perSecond, "%.0f"),
			spread(o.perSecond.Over(to), "%.2f"), ms(o.p50), ms(o.p99), 1e6*o.cpu.Median(), 1e6*o.own.Median())
	}
	for _, o := range outcomes {
		if o.failed > 0 {
			fmt.Fprintf(w, "\n%s: %d operations failed.\n", o.name, o.failed)
		}
	}
}

// spread writes the median of a series with its smallest and largest.
func spread(s load.Series, format string) string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median(), s.Min(), s.Max())
}

func ms(s load.Series) string { return fmt.Sprintf("%.2f ms", 1e3*s.Median()) }
