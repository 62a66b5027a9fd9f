package main

import "fmt"

// Bug is one planted bug.
type Bug struct {
	Name  string
	What  string // the failure that it stands for, in a sentence
	Edits []Edit
	Run   Run    // what is to convict it
	By    string // the checkers, or the probe, of which one has to be among those that do
}

// Edit changes one place of a source. Old must stand there exactly once, so
// that a patch which the code has outgrown fails loudly.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// Run is what convicts a bug: the simulator with these arguments, or a probe of
// the real binary.
type Run struct {
	Sim   string // arguments, without their common prefix: "workload=queue nodes=3"
	Probe string // name
	// Seed is the simulator's. The table leaves it at 0: the first seeds are
	// tried, one after the other, until one convicts.
	Seed int
}

// seeds is how many seeds are tried: a change anywhere in the code makes other
// runs of them.
const seeds = 30

// String names the run for people.
func (r Run) String() string {
	if r.Probe != "" {
		return "real binary: " + r.Probe
	}
	return fmt.Sprintf("simulator: seed=%d %s", r.Seed, r.Sim)
}

// bugs returns the table, in the order of docs/mutants.md.
func bugs() []Bug {
	var all []Bug
	for _, some := range [][]Bug{timeBugs(), rateBugs(), queueBugs(), leaseBugs(), memoryBugs(), snapshotBugs(), nodeBugs()} {
		all = append(all, some...)
	}
	return all
}
