//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nemesis"
	"github.com/limitd/limitd/jepsen/prefect"
	"github.com/limitd/limitd/jepsen/workload"
)

// plan is one run to make.
type plan struct {
	workload, nemesis string
	atOnce            int // how many faults may go on at once
	nodes             int
	callers           int // of each lane; 0: the workload's own number
	lanes             int // how many times the workload is there, side by side
	store             string
	tls               bool // https, mutual TLS between nodes, encrypted gossip
	acl               bool // callers are asked for tokens
	time              time.Duration
	seed              uint64
	struck            map[string]int // faults of earlier runs by kind
}

// options are what all runs share.
type options struct {
	binary, stepping string // stepping: the build whose wall clock can be stepped
	to               string // the build that the nemesis upgrade goes to
	out              string
	loopback         bool
	keep             bool
	prefect          string // a Python environment with Prefect's client; "": the newest of the cache
	noPrefect        error  // why there is none
}

func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.binary, "bin", "bin/limitd", "the limitd binary (make build)")
	f.StringVar(&o.stepping, "faultclock", "bin/limitd-faultclock", "the build whose wall clock can be stepped (make faultclock)")
	f.StringVar(&o.to, "to", "bin/limitd-next", "the build that the nemesis upgrade makes of the nodes (make bin/limitd-next)")
	f.StringVar(&o.out, "out", "out/jepsen", "folder for histories, reports and what failed runs leave")
	f.BoolVar(&o.loopback, "loopback", false, "loopback and relays, though namespaces were possible")
	f.BoolVar(&o.keep, "keep", false, "keep data and logs of clean runs, too")
	f.StringVar(&o.prefect, "prefect", "", "folder of a Python environment with Prefect's client; default: the newest 3.x that make prefect-environment has left")
}

// complete makes the paths absolute and looks for the binaries.
func (o *options) complete() error {
	for _, p := range []*string{&o.binary, &o.stepping, &o.to, &o.out} {
		full, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find %s: %w", *p, err)
		}
		*p = full
	}
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("no limitd binary: make build: %w", err)
	}
	if o.prefect == "" {
		o.prefect, o.noPrefect = prefect.Newest(prefect.Cache())
	}
	return nil
}

// lacks says why a run cannot be made here; nil: it can.
func (o *options) lacks(p plan) error {
	if p.workload == workload.Prefect {
		return o.noPrefect
	}
	return nil
}

func (p *plan) flags(f *flag.FlagSet) {
	f.StringVar(&p.workload, "workload", "mixed", "which callers")
	f.StringVar(&p.nemesis, "nemesis", "kill", "which faults: groups or kinds, divided by commas; mixed: all but restore, trust, tokens and upgrade; none")
	f.IntVar(&p.atOnce, "at-once", 1, "how many faults may go on at once")
	f.IntVar(&p.nodes, "nodes", 3, "how many nodes")
	f.IntVar(&p.callers, "callers", 0, "how many callers in each lane; 0: as many as the workload has by itself")
	f.IntVar(&p.lanes, "lanes", lanes, "how many times the workload is there, side by side, each with limits and callers of its own")
	f.StringVar(&p.store, "store", "boltdb", "log store: boltdb or wal")
	f.BoolVar(&p.tls, "tls", false, "callers use https, nodes mutual TLS, and gossip is encrypted; the nemesis trust turns it on")
	f.BoolVar(&p.acl, "acl", false, "callers are asked for tokens, and some who lack the right try; the nemesis tokens turns it on")
	f.DurationVar(&p.time, "time", 30*time.Second, "how long callers and faults go on")
	f.Uint64Var(&p.seed, "seed", uint64(time.Now().UnixNano())&0xffffff, "of all chance")
}

// lanes is how many of them keep a small machine busy: with one, callers wait for
// each other's slots more than for answers.
const lanes = 4

// check finds the workload and the faults of a plan.
func (p plan) check() (workload.Workload, []nemesis.Nemesis, error) {
	w, ok := workload.Named(p.workload)
	if p.workload == workload.Prefect {
		w, ok = workload.WithPrefect(nil), true // its programs need a ground
	}
	if !ok {
		return w, nil, fmt.Errorf("no workload %q", p.workload)
	}
	list, err := nemesis.Named(p.nemesis)
	return w, list, err
}

// settle turns on what the faults of a plan strike, and off what its callers cannot.
func (p plan) settle() plan {
	if _, list, err := p.check(); err == nil {
		p.tls = p.tls || slices.ContainsFunc(list, func(n nemesis.Nemesis) bool { return n.Group == nemesis.TrustGroup })
		p.acl = p.acl || slices.ContainsFunc(list, func(n nemesis.Nemesis) bool { return n.Group == nemesis.TokenGroup })
	}
	if p.workload == workload.Prefect { // its programs are told no authority and no token
		p.tls, p.acl = false, false
	}
	return p
}

// extras names what is on, with a sign before each: "+tls+acl".
func (p plan) extras() (text string) {
	if p.tls {
		text += "+tls"
	}
	if p.acl {
		text += "+acl"
	}
	return text
}

// name is the run's folder.
func (p plan) name() string {
	return fmt.Sprintf("%s-%s%s-%d-%s-%d", p.workload, strings.ReplaceAll(p.nemesis, ",", "+"), p.extras(), p.nodes, p.store, p.seed)
}
