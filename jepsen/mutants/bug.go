package main

// Bug is one planted bug.
type Bug struct {
	Name  string
	What  string // the failure that it stands for, in a sentence
	Edits []Edit
	Run   Run    // what is to convict it
	By    string // the checker, or probe, that has to be among those that do
}

// Edit changes one place of a source. Old must stand there exactly once, so
// that a patch which the code has outgrown fails loudly.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// Run is one run of an instrument: of the simulator with these arguments, or of
// a probe of the real binary.
type Run struct {
	Sim   string // arguments, without their common prefix: "seed=1 workload=queue"
	Probe string // name
}

// String names the run for people.
func (r Run) String() string {
	if r.Probe != "" {
		return "real binary: " + r.Probe
	}
	return "simulator: " + r.Sim
}

// bugs returns the table, in the order of docs/mutants.md.
func bugs() []Bug {
	var all []Bug
	for _, some := range [][]Bug{timeBugs(), rateBugs(), queueBugs(), leaseBugs(), memoryBugs(), snapshotBugs(), nodeBugs()} {
		all = append(all, some...)
	}
	return all
}
