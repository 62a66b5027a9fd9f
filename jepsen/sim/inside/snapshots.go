package inside

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// snapshotsByIndex leaves out what the cluster never agreed to.
func snapshotsByIndex(a *disk.Archive, line lineage) map[uint64][]disk.Kept {
	by := make(map[uint64][]disk.Kept)
	for _, s := range a.Snapshots() {
		if !line.lost(a, s) {
			by[s.Meta.Index] = append(by[s.Meta.Index], s)
		}
	}
	return by
}

// compareSnapshots holds the snapshots that stand at index against the state
// that the log comes to there.
func (t *trial) compareSnapshots(index uint64) {
	list := t.snapshots[index]
	if len(list) == 0 {
		return
	}
	want := t.pair.Real.Snapshot().Digest()
	seen := make(map[[32]byte]bool) // nodes write the same bytes
	for _, s := range list {
		sum := sha256.Sum256(s.Data)
		if seen[sum] {
			continue
		}
		seen[sum] = true
		state, err := limit.Restore(bytes.NewReader(s.Data))
		if err != nil {
			t.convict("snapshot", "section 8", "the snapshot of %s at index %d cannot be restored: %v", s.Process, index, err)
			continue
		}
		if got := state.Snapshot().Digest(); got != want {
			t.convict("snapshot", "section 8", "the snapshot of %s at index %d, restored, has digest %x; the log up to there comes to %x",
				s.Process, index, got[:6], want[:6])
		}
	}
}

// compareFinal holds the digests of the nodes at the end against the log's.
func (t *trial) compareFinal(index uint64) {
	if t.Final == nil || t.Final.Index != index {
		return
	}
	sum := t.pair.Real.Snapshot().Digest()
	want := hex.EncodeToString(sum[:])
	for _, n := range t.Final.Nodes {
		if n.Digest != "" && n.Digest != want {
			t.convict("replay", "E7", "%s has digest %.12s at index %d; the log up to there comes to %.12s", n.Name, n.Digest, index, want)
		}
	}
}
