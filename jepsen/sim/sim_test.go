package sim

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seedFlag     = flag.Uint64("sim.seed", 0, "run this seed alone")
	workloadFlag = flag.String("sim.workload", "", "the workload; default: what the seed says")
	logFlag      = flag.Bool("sim.log", false, "print the nodes' logs")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *seedFlag != 0 {
		_ = flag.Set("test.run", "^TestSeed$")
	}
	os.Exit(m.Run())
}

func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		*seedFlag = 1
	}
	var o Options
	if *logFlag {
		o.Log = os.Stderr
	}
	start := time.Now()
	synctest.Test(t, func(t *testing.T) {
		r := Run(NewPlan(*seedFlag, Choice{Workload: *workloadFlag}), o)
		fmt.Printf("ops %d final %+v counts %v lived %v hash %x\n", len(r.History.Ops), r.History.Final, r.Counts, r.Lived, r.Hash)
		for _, v := range r.Violations {
			fmt.Printf("VIOLATION %s %s: %s\n", v.Checker, v.Rule, v.What)
		}
		if len(r.Violations) > 0 {
			os.Exit(1)
		}
		os.Exit(0)
	})
	_ = start
}
