// Command seeds runs the simulator: many seeds on all cores, or one again.
//
//	go run ./jepsen/sim/seeds -n 10000            # 10,000 seeds
//	go run ./jepsen/sim/seeds -for 3m -fresh      # as many new ones as fit in three minutes
//	go run ./jepsen/sim/seeds -replay 5           # seed 5 again, exactly
//	go run ./jepsen/sim/seeds -replay 5 -keep 0,3 # with two of its faults
//	go run ./jepsen/sim/seeds -twice 20           # 20 seeds twice: are they the same?
//
// Each seed runs in a process of its own, whose binary jepsen/sim/det builds. A
// seed that fails is printed with the command that runs it again; then faults are
// left out of its schedule as long as the same checker convicts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/limitd/limitd/jepsen/sim/batch"
	"github.com/limitd/limitd/jepsen/sim/det"
)

// settings are the command line.
type settings struct {
	n, workers, twice int
	first, replay     uint64
	fresh, known, log bool
	workload, keep    string
	history, binary   string
	last, shrink      time.Duration
	duration          time.Duration
}

func main() {
	var s settings
	flag.IntVar(&s.n, "n", 0, "how many seeds; 0: as many as fit into -for, or 1000")
	flag.Uint64Var(&s.first, "first", 1, "the first seed")
	flag.BoolVar(&s.fresh, "fresh", false, "begin at a seed that nobody has run yet, made of the commit")
	flag.BoolVar(&s.known, "known", true, "run the seeds of jepsen/sim/testdata/seeds.txt first")
	flag.DurationVar(&s.last, "for", 0, "begin no further seed after so long")
	flag.IntVar(&s.workers, "workers", 0, "processes at a time; default: one a core")
	flag.StringVar(&s.workload, "workload", "", "the workload of all seeds; default: each seed's own")
	flag.DurationVar(&s.duration, "duration", 0, "cluster time with callers and faults; default 20s")
	flag.DurationVar(&s.shrink, "shrink", time.Minute, "how long to look for a smaller schedule of a seed that fails")
	flag.Uint64Var(&s.replay, "replay", 0, "run this seed alone")
	flag.StringVar(&s.keep, "keep", "", "with -replay: keep these faults only, by place")
	flag.StringVar(&s.history, "history", "", "with -replay: write the history to this file")
	flag.BoolVar(&s.log, "log", false, "with -replay: print the nodes' logs")
	flag.IntVar(&s.twice, "twice", 0, "run so many seeds twice, and compare their histories")
	flag.StringVar(&s.binary, "bin", filepath.Join("bin", "simtest"), "where the binary is built")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	code, err := s.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "seeds:", err)
		code = 2
	}
	os.Exit(code)
}

func (s settings) run(ctx context.Context) (code int, err error) {
	exact, err := det.Build(ctx, s.binary)
	if err != nil {
		return 0, err
	}
	r := batch.Runner{Binary: s.binary, Workers: s.workers, Args: s.args()}
	if exact {
		r.Env = det.Settings()
	} else {
		fmt.Println("This version of Go is not the one whose runtime can be seeded: a second run of a seed may differ.")
	}
	switch {
	case s.replay != 0:
		return s.again(ctx, r), nil
	case s.twice > 0:
		return s.compare(ctx, r), nil
	}
	return s.many(ctx, r)
}

// args are the arguments of every run.
func (s settings) args() (args []string) {
	if s.workload != "" {
		args = append(args, "-sim.workload="+s.workload)
	}
	if s.duration > 0 {
		args = append(args, "-sim.duration="+s.duration.String())
	}
	return args
}
