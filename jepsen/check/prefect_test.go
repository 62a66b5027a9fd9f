package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// prefectRun is a run of programs under Prefect's client: at a limit of one slot,
// and one of two tokens and ten a second.
func prefectRun(ops []history.Op, beliefs []history.Belief, faults ...history.Fault) *history.History {
	h := &history.History{Run: history.Run{Instrument: "real", MaxBackdate: 100 * time.Millisecond}, Faults: faults, Beliefs: beliefs}
	for _, set := range []struct {
		name   string
		config history.Settings
	}{{"pf", history.Settings{Slots: 1}}, {"pr", history.Settings{Slots: 2, RateNum: 10, RatePer: time.Second}}} {
		h.Ops = append(h.Ops, history.Op{
			Kind: history.Put, Outcome: history.OK, Index: 2, Time: 1, Return: 1,
			Ask: history.Ask{Limits: []history.Want{{Name: set.name}}, Config: &set.config},
		})
	}
	h.Ops = append(h.Ops, ops...)
	for i := range h.Ops {
		h.Ops[i].Number = i + 1
	}
	return h
}

func prefectCall(client int, limit string, call, ret time.Duration, outcome history.Outcome, detail string) history.Op {
	o := history.Op{Client: client, Kind: history.Prefect, Call: call, Return: ret, Outcome: outcome, Detail: detail}
	if limit != "" {
		o.Limits = []history.Want{{Name: limit, Slots: 1, Rate: limit == "pr"}}
	}
	return o
}

func TestPrefectsPrograms(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	tokens := func(n int, every time.Duration) (list []history.Op) {
		for i := range n {
			at := s + time.Duration(i)*every
			list = append(list, prefectCall(801+i%2, "pr", at, at+every/2, history.OK, ""))
		}
		return list
	}
	held := func(client int, from, to time.Duration) history.Belief {
		return history.Belief{Client: client, From: from, To: to, Granted: []history.Granted{{Name: "pf", Slots: 1, Counted: true}}}
	}
	kill := history.Fault{Kind: "kill-leader", From: 90 * s, To: 92 * s}
	failed := func(at time.Duration, why string) []history.Op {
		return []history.Op{prefectCall(801, "pf", at, at+s, history.Unknown, why)}
	}
	for name, c := range map[string]struct {
		h    *history.History
		want string // in what is said; "": nobody is convicted
	}{
		"at the rate":                {prefectRun(tokens(40, 100*ms), nil), ""},
		"above the rate":             {prefectRun(tokens(40, 50*ms), nil), "prefect E2"},
		"one after the other":        {prefectRun(nil, []history.Belief{held(801, 1, 9), held(802, 9, 12)}), ""},
		"two in the one slot":        {prefectRun([]history.Op{prefectCall(802, "pf", 3, 8, history.OK, "")}, []history.Belief{held(801, 1, 9), held(802, 8, 12)}), "beliefs safety"},
		"an error under a fault":     {prefectRun(failed(95*s, "503 Service Unavailable"), nil, kill), ""},
		"an error before it":         {prefectRun(failed(80*s, "503 Service Unavailable"), nil, kill), "prefect API"},
		"a refusal under a fault":    {prefectRun(failed(95*s, "['pf']: 422 Unprocessable Entity"), nil, kill), "prefect API"},
		"a port that looks like one": {prefectRun(failed(95*s, "10.77.0.2:42200 refused"), nil, kill), ""},
		"a complaint after a fault":  {prefectRun([]history.Op{prefectCall(801, "", 170*s, 170*s, history.Unknown, "late")}, nil, kill), ""},
		"a complaint long after it":  {prefectRun([]history.Op{prefectCall(801, "", 270*s, 270*s, history.Unknown, "late")}, nil, kill), "prefect API"},
		"a fault that never was":     {prefectRun(failed(91*s, "late"), nil, history.Fault{Kind: "x", From: 90 * s, To: 92 * s, Error: "no"}), "prefect API"},
	} {
		said := ""
		for _, v := range check.All(c.h) {
			for _, x := range v.Violations {
				said += x.Checker + " " + x.Rule + ": " + x.What + "\n"
			}
		}
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
}
