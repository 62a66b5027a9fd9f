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

// TestWhatTheBackupTookAwayIsNotHeld has a lease that was granted before a backup
// was restored, and taken away while that went on. Another is granted after.
func TestWhatTheBackupTookAwayIsNotHeld(t *testing.T) {
	at := func(o history.Op, from, to time.Duration, index uint64) history.Op {
		o.Call, o.Return, o.Index, o.Outcome, o.Tries = from, to, index, history.OK, 1
		o.Time = int64(from)
		return o
	}
	db := []history.Want{{Name: "db"}}
	put := history.Op{Kind: history.Put, Ask: history.Ask{Limits: db, Config: &history.Settings{Slots: 1}}}
	again := took("a", 5, "db")
	again.Replayed = true
	h := &history.History{Run: history.Run{Instrument: "sim", Remember: time.Minute}, Ops: []history.Op{
		at(put, time.Second, time.Second+ms, 3),
		at(took("a", 5, "db"), 9900*ms, 10450*ms, 9),
		at(history.Op{Kind: history.Restore}, 10*time.Second, 10400*ms, 0),
		at(history.Op{Kind: history.Reset, Ask: history.Ask{Limits: db}}, 10100*ms, 10200*ms, 30),
		at(put, 10500*ms, 10501*ms, 31),
		at(took("b", 6, "db"), 10600*ms, 10601*ms, 35),
		at(again, 10900*ms, 10901*ms, 40),
	}}
	for i := range h.Ops {
		h.Ops[i].Number, h.Ops[i].Client = i+1, i
	}
	slot := []history.Granted{{Name: "db", Slots: 1, Counted: true}}
	h.Beliefs = []history.Belief{
		{Client: 1, Token: 5, Granted: slot, From: 10450 * ms, To: 12 * time.Second},
		{Client: 5, Token: 6, Granted: slot, From: 10601 * ms, To: 12 * time.Second},
	}
	if found := convicted(h); len(found) > 0 {
		t.Errorf("convicted: %v", found)
	}
}

// TestRestoresAtOnceAreOneCut has a restore begin while another one goes on, and end
// behind it: until then cluster time may be put back again.
func TestRestoresAtOnceAreOneCut(t *testing.T) {
	read := func(from time.Duration, index uint64, clock time.Duration) history.Op {
		return history.Op{
			Kind: history.ReadLimit, Call: from, Return: from + ms, Outcome: history.OK, Tries: 1,
			Index: index, Time: int64(clock), Ask: history.Ask{Limits: []history.Want{{Name: "db"}}},
		}
	}
	judged := func(between bool) (n int) {
		h := &history.History{Run: history.Run{Instrument: "sim", Remember: time.Minute}, Ops: []history.Op{
			{Kind: history.Restore, Call: 10 * time.Second, Return: 10400 * ms, Outcome: history.OK},
			{Kind: history.Restore, Call: 10100 * ms, Return: 10600 * ms, Outcome: history.OK},
			read(10450*ms, 40, 3*time.Second), read(10700*ms, 60, 2*time.Second),
		}}
		if !between {
			h.Ops[1].Return = 10300 * ms
		}
		for i := range h.Ops {
			h.Ops[i].Number = i + 1
		}
		for _, c := range check.Checkers() {
			if c.Name == "clock" {
				n += len(c.Judge(h))
			}
		}
		return n
	}
	if n := judged(true); n > 0 {
		t.Errorf("time that a second restore put back: %d convictions", n)
	}
	if judged(false) == 0 {
		t.Error("time that went back behind both restores: not convicted")
	}
}
