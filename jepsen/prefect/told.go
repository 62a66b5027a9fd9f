//go:build linux

package prefect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/workload"
)

// line is what a program prints. Times are ns of the machine's monotonic clock;
// 0: it did not come to that.
type line struct {
	// A turn: it asked, had what it asked for, left its slot, and was done.
	Called, Entered, Left, Returned int64
	Timeout                         string // it waited no longer
	Error                           string
	// Or a complaint of the client's log.
	At        int64
	Complaint string
}

// teller notes what one program tells.
type teller struct {
	env    *workload.Env
	kind   kind
	client int           // its number in the history
	node   int           // that it was told, from 0
	zero   time.Duration // the run's clock when the machine's showed 0
}

// lease is how long a program asks for its lease (LEASE in program.py).
const lease = 60 * time.Second

// listen notes all lines until they end, and returns how many turns got what
// they asked for.
func (t teller) listen(r io.Reader) (entered int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return entered, fmt.Errorf("it printed %q: %w", lines.Text(), err)
		}
		if l.Entered > 0 {
			entered++
		}
		t.note(l)
	}
	return entered, lines.Err()
}

// at turns an instant of the machine into one of the run.
func (t teller) at(ns int64) time.Duration { return t.zero + time.Duration(ns) }

// note notes a line.
func (t teller) note(l line) {
	if l.Complaint != "" {
		t.trouble(t.at(l.At), t.at(l.At), l.Complaint)
		return
	}
	op := t.call(t.at(l.Called), t.at(l.Returned))
	op.Limits = []history.Want{{Name: t.kind.limit, Slots: 1, Rate: t.kind.name == "rate"}}
	switch {
	case l.Entered > 0:
		op.Outcome, op.Return = history.OK, t.at(l.Entered)
	case l.Timeout != "":
		op.Outcome, op.Code = history.Refused, "timeout"
	default:
		op.Outcome, op.Detail = history.Unknown, l.Error
	}
	if t.kind.name == "hold" {
		op.TTL = lease
	}
	t.env.Record.Told(op)
	if l.Entered > 0 && l.Left > 0 {
		t.env.Record.Belief(history.Belief{
			Client: t.client, From: t.at(l.Entered), To: t.at(l.Left),
			Granted: []history.Granted{{Name: t.kind.limit, Slots: 1, Counted: true}},
		})
	}
	if l.Entered > 0 && l.Error != "" {
		t.trouble(t.at(max(l.Entered, l.Left)), t.at(l.Returned), l.Error)
	}
}

// trouble notes an error that came after what was asked for, or a complaint.
func (t teller) trouble(from, to time.Duration, what string) {
	op := t.call(from, to)
	op.Outcome, op.Detail = history.Unknown, what
	t.env.Record.Told(op)
}

func (t teller) call(from, to time.Duration) history.Op {
	return history.Op{
		Client: t.client, Kind: history.Prefect, Node: fmt.Sprintf("n%d", t.node+1), Tries: 1,
		Call: from, Return: to,
	}
}
