package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// script is a cluster that gives prepared answers, one a request, and the last
// for ever.
type script struct {
	answers []any // *wire.Problem, error, or a body of status 200; wire.Waiting is a 202
	asked   []string
	bodies  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	s.asked, s.bodies = append(s.asked, r.URL.Host), append(s.bodies, string(body))
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	switch a := next.(type) {
	case error:
		var p *wire.Problem
		if errors.As(a, &p) {
			return answerOf(p.Status, p), nil
		}
		return nil, a
	case wire.Waiting:
		return answerOf(http.StatusAccepted, a), nil
	}
	return answerOf(http.StatusOK, next), nil
}

func answerOf(status int, body any) *http.Response {
	b, _ := json.Marshal(body)
	header := http.Header{wire.HeaderIndex: {"17"}, wire.HeaderTime: {"99"}, wire.HeaderNode: {"n2"}}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: header, Body: io.NopCloser(bytes.NewReader(b))}
}

// scripted returns where callers meet a script, in a bubble of fake time.
func scripted(s *script) *Env {
	started := time.Now()
	return &Env{
		URLs: []string{"http://n1", "http://n2", "http://n3"}, HTTP: s, Seed: 3,
		Record: history.NewRecorder(history.Run{}, func() time.Duration { return time.Since(started) }),
	}
}

// TestOneCall tells what a caller makes of the answers to one acquire.
func TestOneCall(t *testing.T) {
	refuse := func(code wire.Code) error { return wire.NewProblem(code, "so it is") }
	lost, grant := errors.New("connection reset"), wire.Grant{Granted: true, Token: 8, ExpiresIn: wire.Duration(time.Second)}
	for name, test := range map[string]struct {
		answers []any
		outcome history.Outcome
		code    wire.Code
		tries   int // 0: many
		astray  int
		token   uint64
	}{
		"granted":                        {[]any{grant}, history.OK, "", 1, 0, 8},
		"denied":                         {[]any{refuse(wire.CodeDenied)}, history.OK, wire.CodeDenied, 1, 0, 0},
		"lost, then granted":             {[]any{lost, refuse(wire.CodeOutcomeUnknown), grant}, history.OK, "", 3, 2, 8},
		"refused, then granted":          {[]any{refuse(wire.CodeNoLeader), refuse(wire.CodeShuttingDown), grant}, history.OK, "", 3, 0, 8},
		"waiting, then granted":          {[]any{wire.Waiting{State: wire.StateWaiting}, grant}, history.OK, "", 2, 0, 8},
		"no limit":                       {[]any{refuse(wire.CodeLimitNotFound)}, history.OK, wire.CodeLimitNotFound, 1, 0, 0},
		"lost, then no limit":            {[]any{lost, refuse(wire.CodeLimitNotFound)}, history.Unknown, wire.CodeLimitNotFound, 2, 1, 0},
		"lost, then denied":              {[]any{lost, refuse(wire.CodeDenied)}, history.OK, wire.CodeDenied, 2, 1, 0},
		"waiting, lost, then no limit":   {[]any{wire.Waiting{}, lost, refuse(wire.CodeNeverFits)}, history.OK, wire.CodeNeverFits, 3, 1, 0},
		"never an answer":                {[]any{lost}, history.Unknown, "", 0, 0, 0},
		"never a leader":                 {[]any{refuse(wire.CodeNoLeader)}, history.Refused, wire.CodeNoLeader, 0, 0, 0},
		"an answer that is not limitd's": {[]any{[]int{1}, grant}, history.OK, "", 2, 1, 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: test.answers}
				e := scripted(s)
				op := newCaller(e, 1).acquireOnly(t.Context(), history.Ask{Limits: slots("db", 1), Wait: time.Second})
				if op.Outcome != test.outcome || op.Code != string(test.code) || op.Token != test.token {
					t.Errorf("it ended %s %q with token %d (%s)", op.Outcome, op.Code, op.Token, op.Detail)
				}
				if test.tries > 0 && (op.Tries != test.tries || op.Astray != test.astray) || len(s.asked) != op.Tries {
					t.Errorf("%d tries, %d astray; the nodes saw %d", op.Tries, op.Astray, len(s.asked))
				}
				if spent := e.Record.Now(); test.tries == 0 && (spent < e.patience() || spent > e.patience()+5*time.Second) {
					t.Errorf("it gave up after %s", spent)
				}
				if (op.Outcome == history.OK) != (op.Index == 17 && op.Time == 99) {
					t.Errorf("the answer of outcome %s is said to be true at %d, %d", op.Outcome, op.Index, op.Time)
				}
				h := e.Record.History()
				op.Return = h.Ops[0].Return
				if diff := cmp.Diff([]history.Op{op}, h.Ops); diff != "" {
					t.Errorf("the record differs from what the caller got: %s", diff)
				}
				for _, body := range s.bodies {
					if body != s.bodies[0] {
						t.Errorf("one id, two bodies: %s and %s", s.bodies[0], body)
					}
				}
			})
		})
	}
}

// TestRetriesGoElsewhere looks whether all nodes are asked.
func TestRetriesGoElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []any{errors.New("no route")}}
		newCaller(scripted(s), 1).release(t.Context(), 8)
		asked := map[string]int{}
		for _, node := range s.asked {
			asked[node]++
		}
		if len(asked) != 3 {
			t.Errorf("asked %v", asked)
		}
	})
}

// TestHangUp ends a call on purpose, in a queue.
func TestHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := scripted(&script{answers: []any{wire.Waiting{State: wire.StateWaiting}}})
		newCaller(e, 1).hangUp(t.Context(), history.Ask{Limits: slots("db", 1), Wait: time.Minute})
		h := e.Record.History()
		if len(h.Ops) == 0 || len(h.Ops) > 3 || h.Ops[0].Outcome != history.Unknown || !h.Ops[0].Abandoned || h.Ops[0].Return > time.Second {
			t.Errorf("recorded %+v", h.Ops)
		}
	})
}

// TestUnknownAcquireIsCancelled sees to it that nothing comes of an acquire
// that was given up.
func TestUnknownAcquireIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := scripted(&script{answers: []any{errors.New("lost"), wire.NewProblem(wire.CodeNoDecay, ""), wire.Cancelled{Cancelled: true}}})
		newCaller(e, 1).acquire(t.Context(), history.Ask{Limits: rate("db", 1)})
		h := e.Record.History()
		if len(h.Ops) != 2 || h.Ops[1].Kind != history.Cancel || h.Ops[1].ID != h.Ops[0].ID || !h.Ops[1].Cancelled {
			t.Errorf("recorded %+v", h.Ops)
		}
	})
}

// TestCrewFinishes lets callers end their step after the end of the time.
func TestCrewFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := scripted(&script{answers: []any{1}})
		e.Callers = 3
		busy, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		slept := make(chan bool, 100)
		run := crew(10, all(func(ctx context.Context, _ *caller) { slept <- sleep(ctx, 7*time.Second) }))
		if err := run(busy, e); err != nil {
			t.Fatal(err)
		}
		close(slept)
		steps := 0
		for whole := range slept {
			if steps++; !whole {
				t.Error("a step was cut short")
			}
		}
		if now := e.Record.Now(); steps != 27 || now != 63*time.Second {
			t.Errorf("%d steps, until %s", steps, now)
		}
	})
}

func TestRateText(t *testing.T) {
	for _, test := range []struct {
		num  uint64
		per  time.Duration
		want string
	}{
		{50, time.Second, "50/s"},
		{20, time.Minute, "20/m"},
		{1, time.Hour, "1/h"},
		{5, 2 * time.Second, "2.5/s"},
		{1, 8 * time.Second, "0.125/s"},
		{3, 100 * time.Millisecond, "30/s"},
	} {
		if got := rateText(test.num, test.per); got != test.want {
			t.Errorf("%d per %s: %s, want %s", test.num, test.per, got, test.want)
		}
	}
}
