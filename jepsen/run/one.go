//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/workload"
)

func runOne(ctx context.Context, args []string) error {
	var p plan
	var o options
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	p.flags(f)
	o.flags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	if _, _, err := p.check(); err != nil {
		return err
	}
	if err := o.lacks(p); err != nil {
		return err
	}
	announce(o)
	t := newTotals()
	t.add(ctx, p, o)
	return t.verdict(false)
}

// run is one run under way.
type run struct {
	plan   plan
	ground *ground
	load   workload.Workload
	faults []nemesis.Nemesis
	stage  *nemesis.Stage
	watch  *watch
	env    *workload.Env
	record *history.Recorder
	began  time.Time
}

// play makes a run and returns its history. Its error says what went wrong
// beside what checkers see.
func play(ctx context.Context, p plan, o options) (h *history.History, g *ground, err error) {
	r := &run{plan: p}
	if r.load, r.faults, err = p.check(); err != nil {
		return nil, nil, err
	}
	binary, stepping := o.binary, r.steps()
	if stepping {
		binary = o.stepping
	}
	if r.ground, err = openGround(p, o, binary); err != nil {
		return nil, nil, err
	}
	if p.workload == workload.Prefect {
		r.load = workload.WithPrefect(r.ground.programs(o).Run)
	}
	r.prepare(binary, stepping)
	r.stage.To = o.to
	err = errors.Join(r.play(ctx), r.ground.close())
	h = r.record.History()
	return h, r.ground, err
}

// steps tells whether the wall clock is to be stepped.
func (r *run) steps() bool {
	for _, n := range r.faults {
		if n.Group == nemesis.ClockGroup {
			return true
		}
	}
	return false
}

func (r *run) prepare(binary string, stepping bool) {
	build := "as built by make build"
	if stepping {
		build = "faultclock: package time by an overlay, so that the wall clock can be stepped"
	}
	r.began = time.Now()
	r.record = history.NewRecorder(history.Run{
		Instrument: "real", Workload: r.plan.workload, Nemesis: groups(r.faults), Seed: r.plan.seed, Nodes: r.plan.nodes,
		Commit: version(binary), Build: fmt.Sprintf("%s; log store %s; %s", build, r.plan.store, r.ground.network.Variant()+r.plan.security()),
		Guarded: r.plan.acl, Started: r.began.UTC().Format(time.RFC3339), Duration: r.plan.time,
		MaxBackdate: 100 * time.Millisecond, Remember: time.Minute, ClockError: 0.001,
	}, func() time.Duration { return time.Since(r.began) })
	r.stage = &nemesis.Stage{
		Trust: r.ground.trust, Tokens: r.ground.tokens,
		Cluster: r.ground.cluster, Network: r.ground.network, Record: r.record, Clock: stepping, Disks: r.ground.disks, NoDisks: r.ground.noDisks,
		Store: r.plan.store, Struck: r.plan.struck, Calm: 1500 * time.Millisecond,
	}
	r.watch = &watch{stage: r.stage, record: r.record}
	r.stage.Leader = r.watch.leads
	r.stage.Open(r.plan.seed)
	r.env = &workload.Env{
		URLs: r.ground.cluster.URLs(), HTTP: r.ground.outside(), Record: r.record, Seed: r.plan.seed, Pause: stalls(r.plan.seed), Callers: r.plan.callers, Lanes: r.plan.lanes,
	}
}

// security says what of it is on, for the report.
func (p plan) security() (text string) {
	if p.tls {
		text += "; https, mutual TLS between nodes, encrypted gossip"
	}
	if p.acl {
		text += "; callers are asked for tokens"
	}
	return text
}

// groups names the groups of faults that a run is to suffer.
func groups(list []nemesis.Nemesis) string {
	var names []string
	for _, n := range list {
		if !slices.Contains(names, n.Group) {
			names = append(names, n.Group)
		}
	}
	return strings.Join(names, ",")
}

// stalls returns what stops a caller now and then, for up to 6 s, which is
// longer than most leases of workloads.
func stalls(seed uint64) func(int) time.Duration {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0x7374616c6c))
	return func(int) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(400) > 0 {
			return 0
		}
		return 100*time.Millisecond + time.Duration(rng.Int64N(int64(6*time.Second)))
	}
}

// version asks the binary what it was built from.
func version(binary string) string {
	out, err := exec.Command(binary, "version").Output()
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}

// How long what is not part of the callers' time may take.
const (
	startTime  = 90 * time.Second
	finishTime = 4 * time.Minute
)

// play brings the cluster up, sets callers and faults on it, mends all, and
// looks at what is left. The run's time begins when the cluster is up.
func (r *run) play(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if tokens := r.ground.tokens; tokens != nil {
		if err := tokens.Open(starting, r.stage.Send); err != nil {
			return fmt.Errorf("make tokens: %w", err)
		}
	}
	if err := r.stage.Heal(starting); err != nil {
		return fmt.Errorf("start the cluster: %w", err)
	}
	r.began = time.Now()
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { r.watch.run(watching) })
	defer watcher.Wait()
	defer stop()
	if err := r.load.Setup(starting, r.env); err != nil {
		return fmt.Errorf("set up %s: %w", r.load.Name, err)
	}
	busy, cancel := context.WithTimeout(ctx, r.plan.time)
	defer cancel()
	errs := []error{r.trouble(busy)}
	finish, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	workload.Finish(finish, r.env)
	return errors.Join(append(errs, r.watch.deaths()...)...)
}

// trouble lets callers work and faults reign until ctx ends, and mends all.
func (r *run) trouble(ctx context.Context) error {
	working := make(chan error, 1)
	go func() { working <- r.load.Run(ctx, r.env) }()
	var intruder sync.WaitGroup
	if tokens := r.ground.tokens; tokens != nil {
		intruder.Go(func() { workload.Intrude(ctx, r.env, tokens.Strangers) })
	}
	defer intruder.Wait()
	reign := nemesis.Reign(ctx, r.stage, r.faults, r.plan.atOnce)
	<-ctx.Done()
	mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*nemesis.MendTime)
	defer cancel()
	err := r.stage.Heal(mending)
	if err != nil {
		err = fmt.Errorf("after all was mended: %w", err)
	}
	return errors.Join(reign, err, <-working)
}
