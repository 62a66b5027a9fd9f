// Command bench measures limitd beside etcd, and Redis where there is one, on
// this machine, and writes tables in markdown.
//
//	make bench                              # everything, with the binaries that it needs
//	bench -rounds 2 -for 2s -parts writes   # a look, after make bin/bench
//
// All clusters of a part run at the same time, with their data under -dir; one
// of them is busy at a time, and they take turns, round by round. What is told
// is the median of all rounds, and the smallest and largest; a ratio is the
// median of the rounds' ratios. Servers and callers share the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/tools/bench/rig"
)

// trial is one run of this program.
type trial struct {
	limitd, etcd, redis string // binaries; redis may be ""
	dir                 string // where all data goes
	rounds              int
	warm, length        time.Duration // of one turn
	callers             counts
	parts               []string
	growth              sizes

	out     io.Writer
	running []*rig.System
	aims    []aim
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := parse(os.Args[1:])
	if err == nil {
		err = b.run(ctx)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// allParts are the parts of a run, in their order.
func allParts() []string { return []string{"writes", "locks", "single", "growth"} }

func parse(args []string) (*trial, error) {
	b := &trial{out: os.Stdout}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&b.limitd, "limitd", "bin/limitd", "the limitd binary")
	f.StringVar(&b.etcd, "etcd", "bin/etcd", "the etcd binary")
	f.StringVar(&b.redis, "redis", found("redis-server"), "the redis-server binary; empty: Redis is left out")
	f.StringVar(&b.dir, "dir", "out/bench", "a directory for all data, on the disk that is measured; it is emptied")
	f.IntVar(&b.rounds, "rounds", 6, "how many turns everybody gets")
	f.DurationVar(&b.length, "for", 5*time.Second, "how long a turn is")
	f.DurationVar(&b.warm, "warm", time.Second, "how long a turn goes on before it counts")
	b.callers = counts{64, 256}
	f.Var(&b.callers, "callers", "callers at once, one list after the other")
	parts := f.String("parts", strings.Join(allParts(), ","), "what is measured")
	b.growth.flags(f)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for _, part := range strings.Split(*parts, ",") {
		if !slices.Contains(allParts(), part) {
			return nil, fmt.Errorf("-parts: %q is none of %v", part, allParts())
		}
		b.parts = append(b.parts, part)
	}
	if b.rounds < 1 || b.length <= 0 || f.NArg() > 0 {
		return nil, fmt.Errorf("rounds and lengths have to be above 0, and there are no arguments")
	}
	return b, nil
}

func found(program string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return ""
	}
	return path
}

func (b *trial) run(ctx context.Context) error {
	var err error
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(b.dir), os.MkdirAll(b.dir, 0o700)); err != nil {
		return err
	}
	b.head()
	if b.compares() {
		err = b.beside(ctx)
	}
	if err == nil && slices.Contains(b.parts, "growth") {
		err = b.grow(ctx)
	}
	tell(b.out, b.aims)
	return errors.Join(err, b.close())
}

// compares tells whether limitd is compared with others.
func (b *trial) compares() bool {
	return slices.ContainsFunc(b.parts, func(part string) bool { return part != "growth" })
}

// beside runs the parts that compare limitd with others.
func (b *trial) beside(ctx context.Context) error {
	f, err := b.assemble(ctx)
	if err != nil {
		return errors.Join(err, b.close())
	}
	for _, part := range b.parts {
		switch {
		case err != nil:
		case part == "writes":
			for _, callers := range b.callers {
				err = errors.Join(err, b.writes(ctx, f, callers))
			}
		case part == "locks":
			err = b.locks(ctx, f)
		case part == "single":
			err = b.single(ctx, f)
		}
	}
	return errors.Join(err, b.close())
}

// keep has a system closed with b.
func (b *trial) keep(s *rig.System, err error) (*rig.System, error) {
	if err == nil {
		b.running = append(b.running, s)
	}
	return s, err
}

// close ends all that runs.
func (b *trial) close() error {
	var errs []error
	for _, s := range b.running {
		errs = append(errs, s.Close())
	}
	b.running = nil
	return errors.Join(errs...)
}

func (b *trial) aim(a aim) { b.aims = append(b.aims, a) }

// log tells on stderr how far the run is.
func (b *trial) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
