package main

// Bug is one planted bug.
type Bug struct {
	Name  string
	What  string // the failure that it stands for, in a sentence
	Edits []Edit
	Run   Run // what is to convict it
}

// Edit changes one place of a source. Old must stand there exactly once, so
// that a patch which the code has outgrown fails loudly.
type Edit struct {
	File     string // from the module's root
	Old, New string
}

// bugs returns the table, in the order of docs/mutants.md.
func bugs() []Bug {
	var all []Bug
	for _, some := range [][]Bug{timeBugs(), rateBugs(), queueBugs(), leaseBugs(), memoryBugs(), snapshotBugs(), nodeBugs()} {
		all = append(all, some...)
	}
	return all
}
