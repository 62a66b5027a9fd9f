//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/workload"
)

// soak makes random runs until time is over: those first that may bring the
// kinds of faults which none has had.
func soak(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	o.flags(f)
	hours := f.Float64("hours", 1, "how long")
	seed := f.Uint64("seed", uint64(time.Now().Unix()), "of what is drawn")
	if err := f.Parse(args); err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	announce(o)
	fmt.Printf("soak: %.2f hours, seed %d\n", *hours, *seed)
	t, d := newTotals(), newDealer(*seed)
	t.ask(nemesis.All())
	end := t.began.Add(time.Duration(*hours * float64(time.Hour)))
	for i := uint64(0); time.Now().Before(end) && ctx.Err() == nil; i++ {
		p := d.deal(t.missing())
		p.time = min(p.time, max(shortestRun, time.Until(end)))
		t.add(ctx, p.complete(*seed+i), o)
	}
	title := fmt.Sprintf("jepsen: soak of %s", time.Since(t.began).Round(time.Minute))
	return errors.Join(t.index(title, o.out), t.verdict(*hours >= 0.5))
}

// shortestRun is what the last run of a soak gets at the least.
const shortestRun = 30 * time.Second

// dealer makes random plans. It deals workloads and groups of faults as cards:
// each comes once before any comes twice.
type dealer struct {
	rng         *rand.Rand
	loads, left []string // left: groups
}

func newDealer(seed uint64) *dealer { return &dealer{rng: rand.New(rand.NewPCG(seed, 0x736f616b))} }

// deal returns the next plan. missing are groups with kinds of faults that
// never struck: as long as there are any, all that is dealt is of them.
func (d *dealer) deal(missing []string) plan {
	p := plan{
		workload: d.load(), atOnce: 1 + d.rng.IntN(3), time: time.Duration(60+d.rng.IntN(60)) * time.Second,
		store: []string{"boltdb", "wal"}[d.rng.IntN(2)], nodes: []int{3, 3, 5}[d.rng.IntN(3)],
	}
	p.tls, p.acl = d.rng.IntN(3) == 0, d.rng.IntN(3) == 0
	switch {
	case len(missing) > 0:
		p.nemesis = strings.Join(d.groups(1+d.rng.IntN(2), missing), ",")
		p.time = 90 * time.Second
	case d.rng.IntN(3) == 0:
		p.nemesis = "mixed"
	default:
		p.nemesis = strings.Join(d.groups(1+d.rng.IntN(3), nemesis.Groups()), ",")
	}
	return p
}

func (d *dealer) load() string {
	if len(d.loads) == 0 {
		for _, w := range workload.All() {
			d.loads = append(d.loads, w.Name)
		}
		d.shuffle(d.loads)
	}
	name := d.loads[0]
	d.loads = d.loads[1:]
	return name
}

// groups returns up to n groups, all of them of those that may be.
func (d *dealer) groups(n int, may []string) (list []string) {
	for range len(d.left) + len(nemesis.Groups()) {
		if len(d.left) == 0 {
			d.left = nemesis.Groups()
			d.shuffle(d.left)
		}
		g := d.left[0]
		d.left = d.left[1:]
		if len(list) < n && slices.Contains(may, g) && !slices.Contains(list, g) {
			list = append(list, g)
		}
		if len(list) == n {
			break
		}
	}
	return list
}

func (d *dealer) shuffle(list []string) {
	d.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
