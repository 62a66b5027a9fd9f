package check_test

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// restored is a history in which a backup saved at cluster time 2 s is restored
// at 10 s of real time, and a read comes after at the given cluster time.
func restored(at time.Duration) *history.History {
	op := func(kind history.Kind, from, to time.Duration, index uint64, clock time.Duration) history.Op {
		return history.Op{Kind: kind, Call: from, Return: to, Outcome: history.OK, Index: index, Time: int64(clock)}
	}
	read := op(history.ReadLimit, 10500*time.Millisecond, 10600*time.Millisecond, 30, at)
	read.Limits = []history.Want{{Name: "db"}}
	h := &history.History{Run: history.Run{Instrument: "sim"}, Ops: []history.Op{
		op(history.Save, 2*time.Second, 2100*time.Millisecond, 10, 2*time.Second),
		op(history.Restore, 10*time.Second, 10400*time.Millisecond, 20, 2*time.Second),
		read,
	}}
	for i := range h.Ops {
		h.Ops[i].Number = i + 1
	}
	return h
}

func TestTimeGoesOnFromTheBackup(t *testing.T) {
	for at, guilty := range map[time.Duration]bool{2500 * time.Millisecond: false, 2700 * time.Millisecond: false, 2800 * time.Millisecond: true, 10 * time.Second: true} {
		found := false
		for _, c := range check.Checkers() {
			if c.Name == "restores" {
				found = len(c.Judge(restored(at))) > 0
			}
		}
		if found != guilty {
			t.Errorf("cluster time %s after the restore: convicted is %v", at, found)
		}
	}
}
