//go:build linux

package prefect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/workload"
)

func TestWhatAProgramTells(t *testing.T) {
	record := history.NewRecorder(history.Run{}, func() time.Duration { return time.Hour })
	own := record.Call(history.Op{Client: 1, Kind: history.ReadLimit}) // after all of it
	record.Return(own)
	tell := teller{env: &workload.Env{Record: record}, kind: kinds()[0], client: 801, node: 1, zero: time.Second}
	entered, err := tell.listen(strings.NewReader(`{"called": 30, "timeout": "TimeoutError()", "returned": 40}
{"called": 10, "entered": 12, "left": 15, "returned": 19}
{"called": 50, "error": "Broken()", "returned": 60}
{"at": 70, "complaint": "WARNING it is late"}
{"called": 80, "entered": 82, "left": 85, "returned": 99, "error": "Late()"}
`))
	if entered != 2 || err != nil {
		t.Errorf("%d turns, %v", entered, err)
	}
	h := record.History()
	limits := []history.Want{{Name: "pf", Slots: 1}}
	op := func(number int, call, ret time.Duration, o history.Op) history.Op {
		o.Number, o.Client, o.Kind, o.Node, o.Tries, o.Call, o.Return = number, 801, history.Prefect, "n2", 1, time.Second+call, time.Second+ret
		if o.Limits != nil {
			o.TTL = lease
		}
		return o
	}
	asked := history.Ask{Limits: limits}
	want := []history.Op{
		op(1, 10, 12, history.Op{Outcome: history.OK, Ask: asked}),
		op(2, 30, 40, history.Op{Outcome: history.Refused, Code: "timeout", Ask: asked}),
		op(3, 50, 60, history.Op{Outcome: history.Unknown, Detail: "Broken()", Ask: asked}),
		op(4, 70, 70, history.Op{Outcome: history.Unknown, Detail: "WARNING it is late"}),
		op(5, 80, 82, history.Op{Outcome: history.OK, Ask: asked}),
		op(6, 85, 99, history.Op{Outcome: history.Unknown, Detail: "Late()"}),
	}
	if diff := cmp.Diff(want, h.Ops[:len(h.Ops)-1]); diff != "" {
		t.Error(diff)
	}
	if last := h.Ops[len(h.Ops)-1]; last.Client != 1 || last.Number != 7 {
		t.Errorf("the last is %+v", last)
	}
	held := []history.Granted{{Name: "pf", Slots: 1, Counted: true}}
	beliefs := []history.Belief{
		{Client: 801, Granted: held, From: time.Second + 12, To: time.Second + 15},
		{Client: 801, Granted: held, From: time.Second + 82, To: time.Second + 85},
	}
	if diff := cmp.Diff(beliefs, h.Beliefs); diff != "" {
		t.Error(diff)
	}
	if _, err := tell.listen(strings.NewReader("Traceback\n")); err == nil || !strings.Contains(err.Error(), "Traceback") {
		t.Errorf("what is no line: %v", err)
	}
}

func TestTheNewestEnvironment(t *testing.T) {
	cache := t.TempDir()
	if _, err := Newest(cache); !errors.Is(err, ErrNone) {
		t.Errorf("an empty cache: %v", err)
	}
	for _, name := range []string{"2.20.25", "3.9.2", "3.10.0", "3.10.0.new", "3.4"} {
		bin := filepath.Join(cache, name, "bin")
		if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(filepath.Join(bin, "python"), nil, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Newest(cache); err != nil || filepath.Base(got) != "3.10.0" {
		t.Errorf("%q, %v", got, err)
	}
}
