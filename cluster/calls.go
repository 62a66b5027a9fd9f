package cluster

import (
	"slices"
	"sync"

	"github.com/limitd/limitd/fsm"
)

// calls are the calls that this node, leading, holds open for waiting acquires.
type calls struct {
	mu   sync.Mutex
	by   map[string]*openCall // by id
	left []uint64             // places whose last caller has left since their interest was last shown
}

// openCall is one waiting acquire with all the callers that wait for its end.
type openCall struct {
	age     uint64 // its place in the queue, by which Interest names it
	callers int
	done    chan struct{} // closed once answer is set
	answer  fsm.Answer
}

func newCalls() *calls { return &calls{by: make(map[string]*openCall)} }

// join counts a caller in for the end of id's wait. Several callers may hold a
// call for one id: all get the same answer.
func (c *calls) join(id string) *openCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.by[id]
	if call == nil {
		call = &openCall{done: make(chan struct{})}
		c.by[id] = call
	}
	call.callers++
	return call
}

// waiting notes the place of a call in the queue: from now on it is of interest.
func (c *calls) waiting(call *openCall, age uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call.age = age
}

// leave counts a caller out. A place that is left with nobody is of interest
// once more, so that it outlives its last call by all of its linger.
func (c *calls) leave(id string, call *openCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if call.callers--; call.callers > 0 || c.by[id] != call {
		return
	}
	delete(c.by, id)
	if call.age != 0 {
		c.left = append(c.left, call.age)
	}
}

// finish answers the calls whose waits the event ended.
func (c *calls) finish(e *fsm.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range e.Outcomes {
		if call := c.by[o.ID]; call != nil {
			call.answer = fsm.Answer{Result: o.Result, Index: e.Index, Time: e.Time}
			close(call.done)
			delete(c.by, o.ID)
		}
	}
}

// ages returns the places of all open calls, and of those that were left since
// it was last asked, ascending.
func (c *calls) ages() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ages := make([]uint64, 0, len(c.by)+len(c.left))
	for _, call := range c.by {
		if call.age != 0 {
			ages = append(ages, call.age)
		}
	}
	ages, c.left = append(ages, c.left...), nil
	slices.Sort(ages)
	return slices.Compact(ages)
}

// count returns how many waits are held open.
func (c *calls) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.by)
}
