package check_test

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// TestWhatADeleteTookOutOfAnAnswer has a lease of two limits whose first answer
// was lost, and one of the limits deleted before the next, which tells the other
// alone. A read in between shows what it held.
func TestWhatADeleteTookOutOfAnAnswer(t *testing.T) {
	at := func(o history.Op, from, to time.Duration, index uint64) history.Op {
		o.Call, o.Return, o.Index, o.Outcome, o.Tries = from, to, index, history.OK, 1
		o.Time = int64(from)
		return o
	}
	db, api := []history.Want{{Name: "db"}}, []history.Want{{Name: "api"}}
	put := func(l []history.Want) history.Op {
		return history.Op{Kind: history.Put, Ask: history.Ask{Limits: l, Config: &history.Settings{Slots: 4}}}
	}
	for occupied, guilty := range map[int64]bool{0: false, 1: false, 2: true} {
		again := took("a", 5, "api", "db")
		again.Replayed, again.Granted = true, again.Granted[:1]
		again = at(again, 200*ms, 900*ms, 20)
		again.Tries = 2
		read := history.Op{Kind: history.ReadLimit, Ask: history.Ask{Limits: db}, Got: history.Got{Found: true, Slots: 4, Occupied: occupied}}
		h := &history.History{Run: history.Run{Instrument: "sim", Remember: time.Minute}, Ops: []history.Op{
			at(put(db), 10*ms, 20*ms, 3), at(put(api), 30*ms, 40*ms, 4), again,
			at(read, 400*ms, 401*ms, 10),
			at(history.Op{Kind: history.Delete, Ask: history.Ask{Limits: db}}, 500*ms, 501*ms, 12),
		}}
		for i := range h.Ops {
			h.Ops[i].Number, h.Ops[i].Client = i+1, i
		}
		if v, found := convicted(h)["reads"]; found != guilty {
			t.Errorf("%d occupied: convicted is %v: %v", occupied, found, v)
		}
	}
}
