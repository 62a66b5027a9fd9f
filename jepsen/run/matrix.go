//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"strings"
	"time"
)

// matrix are the runs of `make jepsen`: each workload, each group of faults,
// both kinds of store, 3 and 5 nodes; about a quarter of an hour.
func matrix() []plan {
	return []plan{
		{workload: "semaphore", nemesis: "kill", time: 35 * time.Second},
		{workload: "multi", nemesis: "partition", time: 35 * time.Second, store: "wal"},
		{workload: "leases", nemesis: "pause", time: 40 * time.Second},
		{workload: "rate-oversupply", nemesis: "kill,partition", time: 35 * time.Second},
		{workload: "rate", nemesis: "clock", time: 30 * time.Second},
		{workload: "queue", nemesis: "membership", time: 35 * time.Second, store: "wal"},
		{workload: "retries", nemesis: "partition,slow", time: 40 * time.Second, nodes: 5},
		{workload: "admin", nemesis: "disk", time: 70 * time.Second},
		{workload: "numbered", nemesis: "disk", time: 70 * time.Second, store: "wal"},
		{workload: "renewals", nemesis: "kill,pause", time: 40 * time.Second, nodes: 5, store: "wal"},
		{workload: "semaphore", nemesis: "restore", time: 30 * time.Second},
		{workload: "retries", nemesis: "upgrade", time: 30 * time.Second, store: "wal"},
		{workload: "mixed", nemesis: "trust,tokens,kill", time: 60 * time.Second},
		{workload: "leases", nemesis: "trust,tokens,partition", time: 50 * time.Second, store: "wal"},
		{workload: "semaphore", nemesis: "membership", time: 60 * time.Second, nodes: 5, tls: true, acl: true},
		{workload: "patience", nemesis: "kill", time: 40 * time.Second},
		{workload: "prefect", nemesis: "kill,partition", time: 60 * time.Second},
		{workload: "prefect-routes", nemesis: "kill,pause", time: 40 * time.Second},
		{workload: "mixed", nemesis: "mixed", time: 70 * time.Second, nodes: 5, atOnce: 2},
	}
}

// short are the runs of `make jepsen-ci`, about three minutes.
func short() []plan {
	return []plan{
		{workload: "mixed", nemesis: "kill,pause,partition", time: 30 * time.Second},
		{workload: "leases", nemesis: "clock", time: 20 * time.Second},
		{workload: "semaphore", nemesis: "disk", time: 50 * time.Second, store: "wal"},
		{workload: "queue", nemesis: "membership", time: 25 * time.Second},
	}
}

// complete fills in what a plan of a list leaves out.
func (p plan) complete(seed uint64) plan {
	if p.nodes == 0 {
		p.nodes = 3
	}
	if p.store == "" {
		p.store = "boltdb"
	}
	if p.lanes == 0 {
		p.lanes = lanes
	}
	p.atOnce = max(1, p.atOnce)
	p.seed = seed
	return p
}

// runMatrix makes the runs of a list.
func runMatrix(ctx context.Context, name string, list []plan, args []string) error {
	var o options
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	o.flags(f)
	seed := f.Uint64("seed", uint64(time.Now().Unix()), "of the first run; each has the next")
	only := f.String("only", "", "runs whose workload or nemesis has this in it")
	scale := f.Float64("scale", 1, "length of the runs: 0.5 is half")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	announce(o)
	t := newTotals()
	for i, p := range list {
		if ctx.Err() != nil {
			break
		}
		if !strings.Contains(p.workload+" "+p.nemesis, *only) {
			continue
		}
		p.time = time.Duration(float64(p.time) * *scale)
		t.add(ctx, p.complete(*seed+uint64(i)), o)
	}
	return errors.Join(t.index("jepsen: "+name, o.out), t.verdict(name == "matrix" && *only == ""))
}
