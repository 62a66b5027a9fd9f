package sim_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/sim"
	"github.com/limitd/limitd/jepsen/sim/batch"
)

// The command line: see the package comment.
var (
	seedFlag     = flag.Uint64("sim.seed", 0, "run this seed, and no test")
	seedsFlag    = flag.Int("sim.seeds", 1, "with -sim.seed: run so many seeds from there on, each in a process of its own")
	workloadFlag = flag.String("sim.workload", "", "the workload; default: the seed's")
	nodesFlag    = flag.Int("sim.nodes", 0, "nodes that form the cluster; default: the seed's")
	callersFlag  = flag.Int("sim.callers", 0, "callers; default: the seed's")
	durationFlag = flag.Duration("sim.duration", 0, "cluster time with callers and faults; default 20s")
	keepFlag     = flag.String("sim.keep", "", `keep these faults of the schedule only, by place: "0,3"; "none" keeps none`)
	faultsFlag   = flag.String("sim.faults", "", `the schedule, in place of the seed's: "kill@3s+500ms:leader clock-wall@1s+9s:n2:by=1h"`)
	historyFlag  = flag.String("sim.history", "", "write the history to this file")
	logFlag      = flag.Bool("sim.log", false, "print the nodes' logs to stderr")
)

// TestMain runs seeds where the command line names one, tests otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if *seedFlag != 0 && *seedsFlag > 1 {
		os.Exit(runSeeds(*seedFlag, *seedsFlag))
	}
	if *seedFlag != 0 {
		if err := flag.Set("test.run", "^TestOneSeed$"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestOneSeed runs the seed of the command line and ends the process with its
// verdict: goroutines of processes that were killed are left behind.
func TestOneSeed(t *testing.T) {
	if *seedFlag == 0 {
		return // TestSeeds runs this test in processes of its own
	}
	cryptotest.SetGlobalRandom(t, *seedFlag)
	seedRuntime(*seedFlag)
	plan := sim.NewPlan(*seedFlag, choice(t))
	done, never := make(chan sim.Result), make(chan struct{}) // made outside of the bubble: who waits for them stops its clock
	go func() { conclude(<-done) }()
	synctest.Test(t, func(*testing.T) {
		done <- sim.Run(plan, options())
		<-never
	})
}

// judging is how much memory, in bytes, the judges may fill before the collector works.
const judging = 1 << 30

// conclude judges a run, says so, and ends the process. It runs outside of the
// bubble: a search that takes too long ends by real time.
func conclude(r sim.Result) {
	if err := save(r.History, *historyFlag); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	debug.SetMemoryLimit(judging) // the collector may be off
	r.Judge()
	report := r.Report()
	report.Print(os.Stdout)
	line, err := json.Marshal(report)
	if err != nil { // never: a report is plain data
		panic(err)
	}
	fmt.Printf("%s%s\n", sim.ReportPrefix, line)
	os.Exit(min(1, len(r.Violations)))
}

func options() (o sim.Options) {
	if *logFlag {
		o.Log = os.Stderr
	}
	return o
}

// choice is what the command line decides.
func choice(t *testing.T) sim.Choice {
	c := sim.Choice{Workload: *workloadFlag, Nodes: *nodesFlag, Duration: *durationFlag, Callers: *callersFlag}
	faults, err := sim.ParseFaults(*faultsFlag)
	if err != nil {
		t.Fatalf("-sim.faults: %v", err)
	}
	c.Faults = faults
	if *keepFlag == "" {
		return c
	}
	c.Keep = []int{}
	for _, text := range strings.Split(*keepFlag, ",") {
		if text == "none" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("-sim.keep: %v", err)
		}
		c.Keep = append(c.Keep, n)
	}
	return c
}

// save writes the history to a file, where one is named.
func save(h *history.History, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	if err := history.Encode(f, h); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return f.Close()
}

// runSeeds runs n seeds in processes of their own and returns the exit code.
func runSeeds(first uint64, n int) int {
	totals := batch.NewTotals()
	self(sameChoice()...).Run(context.Background(), batch.From(first, n), func(p sim.Report) {
		totals.Add(p)
		if len(p.Violations) > 0 || p.Stuck != "" {
			p.Print(os.Stdout)
		}
	})
	fmt.Println(totals.Line())
	return min(1, len(totals.Failed))
}

// self runs seeds by this very binary.
func self(args ...string) batch.Runner { return batch.Runner{Binary: os.Args[0], Args: args} }

// sameChoice returns the arguments that decide the same as those of this process.
func sameChoice() (args []string) {
	flag.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "sim.") && f.Name != "sim.seed" && f.Name != "sim.seeds" && f.Name != "sim.history" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	return args
}
