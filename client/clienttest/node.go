package clienttest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
)

const (
	term = 1 // the kit's leader never changes
	// interestEvery is how often the places of open calls are kept, as a leader does.
	interestEvery = 5 * time.Second
	// tickGap is the least time between two ticks.
	tickGap = time.Millisecond
)

// node is a leader without a log: each record is applied as it comes. It does
// what cluster.Replica does to keep time: ticks when something falls due, and
// interest for the calls that are open.
type node struct {
	begun time.Time

	mu       sync.Mutex
	skipped  time.Duration        // guarded by mu; by advance
	state    *limit.State         // guarded by mu
	index    uint64               // guarded by mu; of the last record
	open     map[string]*openCall // guarded by mu; waiting acquires, by id
	interest int64                // guarded by mu; when it was last shown
	ticker   *time.Timer          // guarded by mu; runs tick
	closed   bool                 // guarded by mu
}

// openCall is a waiting acquire, and all who wait for its end.
type openCall struct {
	age     uint64 // its place in the queue
	callers int
	done    chan struct{}
	answer  fsm.Answer // set before done is closed
}

func newNode() *node {
	n := &node{begun: time.Now(), state: limit.New(), open: make(map[string]*openCall)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ticker = time.AfterFunc(time.Hour, n.tick)
	n.applyLocked(command.Command{Op: &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules}})
	return n
}

func (n *node) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	n.ticker.Stop()
}

// uptime is the time, in ns, since the kit was made: what the client's clocks
// show, and the cluster's time.
func (n *node) uptime() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nowLocked()
}

func (n *node) nowLocked() int64 { return int64(time.Since(n.begun) + n.skipped) }

// advance skips d, in steps that keep the places of open calls.
func (n *node) advance(d time.Duration) {
	for d > 0 {
		step := min(d, interestEvery)
		d -= step
		n.mu.Lock()
		n.skipped += step
		n.mu.Unlock()
		n.tick()
	}
}

// tick plays what has fallen due.
func (n *node) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	var op command.Op = &command.Tick{}
	if len(n.open) > 0 && n.nowLocked() >= n.interest+int64(interestEvery) {
		n.interest = n.nowLocked()
		op = &command.Interest{Ages: n.agesLocked()}
	}
	n.applyLocked(command.Command{Op: op})
}

func (n *node) agesLocked() []uint64 {
	ages := make([]uint64, 0, len(n.open))
	for call := range maps.Values(n.open) {
		ages = append(ages, call.age)
	}
	slices.Sort(ages)
	return ages
}

// applyLocked applies a record, again where it was cut short, and answers the
// calls whose waits it ended.
func (n *node) applyLocked(c command.Command) fsm.Answer {
	for {
		n.index++
		c.Stamp, c.Term = n.nowLocked(), term
		c.Wall = n.begun.UnixNano() + c.Stamp
		applied := n.state.Apply(n.index, term, c)
		answer := fsm.Answer{Result: applied.Result, Index: n.index, Time: n.state.Time()}
		for _, o := range applied.Outcomes {
			if call := n.open[o.ID]; call != nil {
				call.answer = fsm.Answer{Result: o.Result, Index: answer.Index, Time: answer.Time}
				close(call.done)
				delete(n.open, o.ID)
			}
		}
		if _, again := applied.Result.(*command.NotRun); !again {
			n.scheduleLocked()
			return answer
		}
	}
}

// scheduleLocked has tick run when something falls due.
func (n *node) scheduleLocked() {
	due, any := n.state.NextDue()
	if next := n.interest + int64(interestEvery); len(n.open) > 0 && (!any || next < due) {
		due, any = next, true
	}
	n.ticker.Stop()
	if any && !n.closed {
		n.ticker.Reset(max(time.Duration(due-n.nowLocked()), tickGap))
	}
}

// Run applies cmd, and waits for an acquire's end for as long as hold.
func (n *node) Run(ctx context.Context, cmd command.Command, hold time.Duration) (fsm.Answer, error) {
	if err := ctx.Err(); err != nil {
		return fsm.Answer{}, err
	}
	answer, call, err := n.propose(cmd, hold)
	if call == nil {
		return answer, err
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-call.done:
		return call.answer, nil
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	n.leave(cmd.ID, call)
	return answer, err
}

// propose applies cmd, and opens a call for an acquire that waits.
func (n *node) propose(cmd command.Command, hold time.Duration) (fsm.Answer, *openCall, error) {
	record, err := command.Decode(command.Encode(cmd)) // nobody else's memory
	if err != nil {
		return fsm.Answer{}, nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	record.Accepted = n.nowLocked()
	answer := n.applyLocked(record)
	if _, waits := answer.Result.(*command.Waiting); waits {
		if now, known := n.state.Acquire(cmd.ID); known {
			answer.Result = now // its own record may have ended its wait
		}
	}
	waiting, waits := answer.Result.(*command.Waiting)
	if !waits || hold <= 0 {
		return answer, nil, nil
	}
	call := n.open[cmd.ID]
	if call == nil {
		call = &openCall{age: waiting.Age, done: make(chan struct{})}
		n.open[cmd.ID] = call
	}
	call.callers++
	n.scheduleLocked()
	return answer, call, nil
}

// leave counts a caller out.
func (n *node) leave(id string, call *openCall) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if call.callers--; call.callers == 0 && n.open[id] == call {
		delete(n.open, id)
	}
}

// Read calls read with the state as it is now.
func (n *node) Read(_ context.Context, _ bool, read func(*limit.State)) (httpapi.Position, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.applyLocked(command.Command{Op: &command.Read{}})
	read(n.state)
	return httpapi.Position{Index: n.state.Index(), Time: n.state.Time()}, nil
}
