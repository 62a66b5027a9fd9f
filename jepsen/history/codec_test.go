package history_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/jepsen/history"
)

// sample is a history with something of everything.
func sample() *history.History {
	return &history.History{
		Run: history.Run{Instrument: "sim", Workload: "sem", Nemesis: "kill", Seed: 7, Nodes: 3, Duration: time.Minute, ClockError: 0.01},
		Ops: []history.Op{
			{
				Number: 1, Client: 2, Kind: history.Acquire, Node: "n1", Tries: 2, Call: 5, Return: 9, Outcome: history.OK,
				Status: 200, Index: 12, Time: 1_000_000_001,
				Ask: history.Ask{ID: "c2-1", Limits: []history.Want{{Name: "db", Slots: 2}, {Name: "api", Slots: 1, Rate: true}}, Wait: time.Second, TTL: time.Minute},
				Got: history.Got{Token: 8, Waited: 3, ExpiresIn: time.Minute, Queued: 7, Granted: []history.Granted{{Name: "db", Slots: 2, Counted: true, Ordinals: []uint32{0, 3}}}},
			},
			{Number: 2, Kind: history.Put, Outcome: history.Unknown, Ask: history.Ask{Limits: []history.Want{{Name: "<&>"}}, Config: &history.Settings{Slots: 2, RateNum: 1, RatePer: time.Second}}},
			{Number: 4, Kind: history.Renew, Outcome: history.OK, Ask: history.Ask{Tokens: []uint64{8}}, Got: history.Got{Leases: []history.Renewed{{Token: 8, State: "held", ExpiresIn: 1}}}},
		},
		Beliefs: []history.Belief{{Client: 2, Token: 8, From: 1, To: 2, Lost: "expired", Paused: true}},
		Writes:  []history.Write{{Client: 2, Resource: "db", Token: 8, At: 3, Accepted: true}},
		Faults:  []history.Fault{{Kind: "kill", On: "n1", From: 1, To: 2}},
		Leaders: []history.Leader{{At: 1, Node: "n1", Term: 2, Until: 9}},
		Final:   &history.Final{Nodes: []history.FinalNode{{Name: "n1", Digest: "ab"}}, Limits: map[string]int64{"db": 0}, Index: 40, Patience: time.Second},
	}
}

func encode(t *testing.T, h *history.History) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := history.Encode(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	want := sample()
	text := encode(t, want)
	if lines := bytes.Count(text, []byte("\n")); lines != 9 {
		t.Errorf("%d lines, not 9:\n%s", lines, text)
	}
	got, err := history.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := history.Decode(bytes.NewReader(bytes.TrimSuffix(text, []byte("\n")))); err != nil {
		t.Errorf("without the last newline: %v", err)
	}
}

func TestWhatIsNoHistoryIsRefused(t *testing.T) {
	run := `{"run":{"instrument":"sim","workload":"","seed":1,"nodes":3,"duration":0,"max_backdate":0,"remember":0}}` + "\n"
	for name, c := range map[string]struct{ text, says string }{
		"empty":         {"", "empty"},
		"no run":        {`{"op":{"number":1}}` + "\n", "line 1"},
		"second run":    {run + run, "line 2"},
		"unknown kind":  {run + `{"op":{"number":1}}` + "\n" + `{"opp":{"number":2}}`, "line 3"},
		"unknown field": {run + `{"op":{"number":1,"nomber":2}}`, "line 2"},
		"two kinds":     {run + `{"op":{"number":1},"fault":{"kind":"x"}}`, "line 2"},
		"nothing":       {run + "{}", "line 2"},
		"blank line":    {run + "\n" + `{"op":{"number":1}}`, "line 2"},
		"two objects":   {run + `{"op":{"number":1}} {"op":{"number":2}}`, "line 2"},
		"torn":          {run + `{"op":{"num`, "line 2"},
		"order":         {run + `{"op":{"number":2}}` + "\n" + `{"op":{"number":1}}`, "line 3"},
		"two ends":      {run + `{"final":{}}` + "\n" + `{"final":{}}`, "line 3"},
	} {
		_, err := history.Decode(strings.NewReader(c.text))
		if !errors.Is(err, history.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; it should be ErrFormat and say %q", name, err, c.says)
		}
	}
}

func TestRecorderKeepsOpenCallsAsUnknown(t *testing.T) {
	now := time.Duration(0)
	r := history.NewRecorder(history.Run{Seed: 1}, func() time.Duration { now++; return now })
	first := r.Call(history.Op{Client: 1, Kind: history.Acquire})
	second := r.Call(history.Op{Client: 2, Kind: history.Release})
	second.Outcome = history.OK
	r.Return(second)
	h := r.History()
	if len(h.Ops) != 2 || h.Ops[0].Number != first.Number || h.Ops[0].Outcome != history.Unknown || h.Ops[0].Return <= h.Ops[0].Call {
		t.Errorf("ops %+v", h.Ops)
	}
	if h.Ops[1].Outcome != history.OK || h.Ops[1].Return != 3 {
		t.Errorf("the second op is %+v", h.Ops[1])
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := history.Encode(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"run":{}}`))
	f.Add([]byte(`{"run":{}}` + "\n" + `{"op":{"number":1,"kind":"acquire","time":-1,"index":18446744073709551615}}`))
	f.Add([]byte(`{"op":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := history.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := history.Decode(bytes.NewReader(encode(t, h)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(encode(t, h), encode(t, again)); diff != "" {
			t.Error(diff)
		}
	})
}
