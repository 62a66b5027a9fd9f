package disk

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/limitd/limitd/jepsen/sim/network"
)

// errRotten is what raft's own store of snapshots finds by its checksum.
var errRotten = errors.New("disk: the snapshot does not match its checksum")

// Rot flips bits of what the disk holds while nobody uses it, and says of what.
// What was written stays as it was in the archive.
func (d *Disk) Rot() (what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.durable.clone()
	d.durable = c
	switch d.dice.IntN(6) {
	case 0:
		what = d.rotValueLocked(c)
	case 1:
		what = d.rotSnapshotLocked(c)
	}
	if what == "" {
		what = d.rotEntryLocked(c)
	}
	return what
}

// rotValueLocked spoils the term or the vote.
func (d *Disk) rotValueLocked(c *content) string {
	keys := slices.Sorted(maps.Keys(c.stable))
	if len(keys) == 0 {
		return ""
	}
	key := keys[d.dice.IntN(len(keys))]
	c.stable[key] = slices.Clone(c.stable[key])
	d.flipLocked(c.stable[key])
	return key
}

func (d *Disk) rotSnapshotLocked(c *content) string {
	if len(c.snapshots) == 0 {
		return ""
	}
	at := d.dice.IntN(len(c.snapshots))
	spoilt := *c.snapshots[at]
	spoilt.rotten = true
	c.snapshots[at] = &spoilt
	return fmt.Sprintf("snapshot %s, %d of %d", spoilt.Meta.ID, at+1, len(c.snapshots))
}

// nearEnd is among how many of the last entries one is spoilt: those are the
// ones that a start reads.
const nearEnd = 300

func (d *Disk) rotEntryLocked(c *content) string {
	if c.last == 0 {
		return "nothing"
	}
	index := c.last - uint64(d.dice.IntN(int(min(nearEnd, c.last-c.first+1))))
	spoilt := c.entries[index]
	if spoilt == nil {
		return "nothing" // a restore burned this index
	}
	spoilt = network.Copy(spoilt)
	c.entries[index] = spoilt
	if len(spoilt.Data) > 0 && d.dice.IntN(8) > 0 {
		d.flipLocked(spoilt.Data)
	} else {
		d.flipLocked(spoilt.Extensions)
	}
	return fmt.Sprintf("entry %d, of %d to %d", index, c.first, c.last)
}

// flipLocked flips up to eight bits.
func (d *Disk) flipLocked(b []byte) {
	if len(b) == 0 {
		return
	}
	first := d.dice.IntN(8 * len(b))
	for bit := first; bit < min(first+1+d.dice.IntN(8), 8*len(b)); bit++ {
		b[bit/8] ^= 1 << (bit % 8)
	}
}
