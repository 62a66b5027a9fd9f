package check_test

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// handover is a history in which n1 leads for a second, and n2 from 2 s on. At
// 900 ms a node answered a read; what n2 does with that is to be seen at 3 s.
func handover(reader string, term uint64, later time.Duration) *history.History {
	h := &history.History{Run: history.Run{Instrument: "sim"}}
	read := func(node string, at, cluster time.Duration) {
		o := history.Op{Number: len(h.Ops) + 1, Client: len(h.Ops), Kind: history.ReadLimit, Node: node, Call: at, Return: at + ms, Outcome: history.OK}
		o.Index, o.Time, o.Found = uint64(o.Number), int64(cluster), true
		o.Limits = []history.Want{{Name: "db"}}
		h.Ops = append(h.Ops, o)
	}
	read("n3", 800*ms, 800*ms)
	read(reader, 900*ms, 900*ms)
	read("n1", 3*time.Second, later)
	read("n3", 4*time.Second, later+time.Second)
	h.Leaders = []history.Leader{{At: 500 * ms, Node: "n1", Term: 2, Until: time.Second}, {At: 2 * time.Second, Node: "n2", Term: term, Until: 5 * time.Second}}
	return h
}

func TestALeaderKeepsWhatItHasHeard(t *testing.T) {
	const lost = 2500 * ms
	for name, c := range map[string]struct {
		h      *history.History
		guilty bool
	}{
		"nothing is lost":              {handover("n2", 3, 3*time.Second), false},
		"as long as the read may take": {handover("n2", 3, 3*time.Second-ms), false},
		"some is":                      {handover("n2", 3, 3*time.Second-2*ms), true},
		"the gap is":                   {handover("n2", 3, lost), true},
		"another was told":             {handover("n3", 3, lost), false},
		"nobody saw a term":            {handover("n2", 4, lost), false},
		"it was killed meanwhile":      {struck(handover("n2", 3, lost), "n1 n2"), false},
		"on whom is not said":          {struck(handover("n2", 3, lost), "the leader"), false},
		"another was killed":           {struck(handover("n2", 3, lost), "n1"), true},
		"two lead in a term":           {torn(handover("n2", 3, lost)), false},
		"time stands still":            {still(handover("n3", 3, lost)), true},
		"that was ten seconds ago":     {late(handover("n2", 3, lost)), false},
		"nobody was asked":             {unconfirmed(handover("n2", 3, lost)), false},
	} {
		t.Run(name, func(t *testing.T) {
			if found := convicted(c.h); (found["lag"].What != "") != c.guilty {
				t.Errorf("convicted: %v", found)
			}
		})
	}
}

func struck(h *history.History, on string) *history.History {
	h.Faults = []history.Fault{{Kind: "kill", On: on, From: time.Second, To: 1500 * ms}}
	return h
}

func torn(h *history.History) *history.History {
	h.Leaders = append(h.Leaders, history.Leader{At: 2500 * ms, Node: "n3", Term: 3, Until: 5 * time.Second})
	return h
}

func still(h *history.History) *history.History {
	h.Ops[3].Time = h.Ops[2].Time
	return h
}

// late has the new leader show itself only eleven seconds after it was heard.
func late(h *history.History) *history.History {
	for i := range h.Ops[2:] {
		o := &h.Ops[2+i]
		o.Call, o.Return, o.Time = o.Call+9*time.Second, o.Return+9*time.Second, o.Time+int64(9*time.Second)
	}
	h.Leaders[1].At, h.Leaders[1].Until = 11*time.Second, 20*time.Second
	return h
}

func unconfirmed(h *history.History) *history.History {
	h.Leaders[1].Until = 0
	return h
}
