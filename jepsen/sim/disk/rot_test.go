package disk

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
)

// TestRotIsFound spoils disks, and has a node's own stores read all of them: each
// time one thing is refused, and it is the one that was spoilt.
func TestRotIsFound(t *testing.T) {
	kinds := make(map[string]int)
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			d := New(NewArchive(), seed)
			written(t, d)
			what := d.Rot()
			kinds[strings.Fields(what)[0]]++
			if found := damaged(t, d); len(found) != 1 || !strings.HasPrefix(what, found[0]) {
				t.Errorf("seed %d: spoilt is %s, and refused %v", seed, what, found)
			}
		})
	}
	if len(kinds) != 3 || kinds["entry"] < 30 {
		t.Errorf("spoilt were %v", kinds)
	}
}

// guarded returns a node's stores as raft uses them; what is fatal is an error.
func guarded(t *testing.T, d *Disk) (*store.Guard, *store.Stores) {
	t.Helper()
	_, stores := open(t, d)
	fatal := make(chan struct{})
	g := store.NewGuard(stores.Log, stores.Stable, func(error) { close(fatal) })
	go func() {
		<-fatal
		_ = g.Close() // lets go of the call that failed
	}()
	t.Cleanup(func() {
		select {
		case <-fatal:
		default:
			close(fatal)
		}
	})
	return g, stores
}

func written(t *testing.T, d *Disk) {
	t.Helper()
	g, stores := guarded(t, d)
	var list []*raft.Log
	for i := uint64(1); i <= 20; i++ {
		list = append(list, &raft.Log{Index: i, Term: 2, Type: raft.LogNoop, Data: []byte("nothing of importance")})
	}
	sink, err := stores.Snapshot.Create(1, 10, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Logs().StoreLogs(list), g.Stable().SetUint64([]byte("term"), 2), sink.Close()); err != nil {
		t.Fatal(err)
	}
}

// damaged reads all that a disk holds, and returns what is refused.
func damaged(t *testing.T, d *Disk) (found []string) {
	t.Helper()
	for i := uint64(1); i <= 20; i++ {
		g, _ := guarded(t, d)
		if err := g.Logs().GetLog(i, new(raft.Log)); errors.Is(err, store.ErrDamaged) {
			found = append(found, "entry")
		}
	}
	g, stores := guarded(t, d)
	if _, err := g.Stable().GetUint64([]byte("term")); errors.Is(err, store.ErrDamaged) {
		found = append(found, "term")
	}
	list, err := stores.Snapshot.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if _, _, err := stores.Snapshot.Open(m.ID); err != nil {
			found = append(found, "snapshot")
		}
	}
	return found
}
