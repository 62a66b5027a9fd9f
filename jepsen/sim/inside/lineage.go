package inside

import "github.com/limitd/limitd/jepsen/sim/disk"

// lineage is the log that was committed. Of an entry it is known what stood
// before it when it was made; by the property of raft that two logs which agree
// at one place agree in all before it, one committed entry tells the whole log.
type lineage struct {
	terms    map[uint64]uint64    // by index
	restored map[uint64]disk.Kept // backups that took the place of the state, by index
}

// trace returns the log that ends at a place. An entry that was stored by nobody
// is the one that a restore leaves out: raft's leader burns an index for it.
func trace(a *disk.Archive, end disk.Place) lineage {
	l := lineage{terms: make(map[uint64]uint64), restored: make(map[uint64]disk.Kept)}
	backups := make(map[disk.Place]disk.Kept)
	for _, k := range a.Snapshots() {
		if _, known := backups[k.Place()]; !known { // the first is the leader's own
			backups[k.Place()] = k
		}
	}
	for at := end; at.Term > 0; {
		l.terms[at.Index] = at.Term
		if e, ok := a.Entry(at); ok {
			at = disk.Place{Index: at.Index - 1, Term: e.Before}
			continue
		}
		k, ok := backups[at]
		if !ok {
			break // nobody knows more
		}
		l.restored[at.Index] = k
		at = k.Before
	}
	return l
}

// lost tells whether a snapshot is of a restore that the cluster never agreed
// to: the leader that made it lost its leadership before anybody else had it.
func (l lineage) lost(a *disk.Archive, k disk.Kept) bool {
	if _, stored := a.Entry(k.Place()); stored {
		return false
	}
	return l.terms[k.Meta.Index] != k.Meta.Term
}
