package check

import (
	"maps"
	"slices"
)

// judgeQuiescence looks at the end, when all faults are mended, callers are gone
// and the longest lease could have ended: nothing is held, nobody waits, and
// all nodes have the same state. What decays may not have yet.
func judgeQuiescence(f *facts, r *report) {
	end := f.h.Final
	if end == nil || end.Error != "" {
		return // Enough says so
	}
	r.saw(len(end.Nodes) + len(end.Limits))
	for _, name := range slices.Sorted(maps.Keys(end.Limits)) {
		if n := end.Limits[name]; n != 0 && !f.limit(name).decays {
			r.convict("E6", nil, "at the end %d slots of %q are occupied", n, name)
		}
	}
	if end.Leases != 0 {
		r.convict("E6", nil, "at the end there are %d leases", end.Leases)
	}
	if end.Waiting != 0 {
		r.convict("E6", nil, "at the end %d acquires wait", end.Waiting)
	}
	for _, n := range end.Nodes {
		switch first := end.Nodes[0]; {
		case n.Digest == "":
			r.convict("E7", nil, "at the end node %s gave no digest of its state at index %d", n.Name, end.Index)
		case n.Digest != first.Digest:
			r.convict("E7", nil, "at index %d node %s has the digest %.16s, and node %s %.16s", end.Index, n.Name, n.Digest, first.Name, first.Digest)
		}
	}
}
