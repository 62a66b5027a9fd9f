package oracle

import (
	"reflect"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// request is what is remembered of an id (semantics.md section 6). An acquire
// is waiting, then perhaps held, then ended; any other write ends at once.
type request struct {
	id      string
	op      command.Op       // what was asked first; nil: a tombstone
	acquire *command.Acquire // the same, of an acquire
	skipped []string         // missing limits that it goes without

	waiter *waiter        // while it waits
	lease  *lease         // while it is held
	token  uint64         // of its grant
	result command.Result // the answer, once there is one that stays

	ended   bool
	ending  uint64 // its place in the order of ending
	endedAt int64
	how     command.Reason // why its lease has ended; ReasonNone: by release
}

// known returns what is remembered of id, or nil.
func (m *Model) known(id string) *request {
	for _, r := range m.requests {
		if id != "" && r.id == id {
			return r
		}
	}
	return nil
}

// knownToken returns the request whose grant has the token, or nil.
func (m *Model) knownToken(token uint64) *request {
	for _, r := range m.requests {
		if token != 0 && r.token == token {
			return r
		}
	}
	return nil
}

// remember makes id known.
func (m *Model) remember(id string, op command.Op) *request {
	r := &request{id: id, op: op}
	r.acquire, _ = op.(*command.Acquire)
	m.requests = append(m.requests, r)
	return r
}

// end starts the window in which r's answer is remembered.
func (m *Model) end(r *request, result command.Result) {
	m.endings++
	r.waiter, r.lease = nil, nil
	r.ended, r.result, r.ending = true, result, m.endings
	r.endedAt = m.time
}

func (m *Model) forget(r *request) {
	m.requests = slices.DeleteFunc(m.requests, func(o *request) bool { return o == r })
}

// unwelcome says why a new id is not let in: it may have been forgotten, or
// there is no room to remember it.
func (m *Model) unwelcome(h command.Header) command.Result {
	switch {
	case h.Accepted < m.forgotten:
		return &command.Problem{Code: command.CodeTooOld}
	case int64(len(m.requests)) >= m.settings.MaxRemembered:
		return &command.Problem{Code: command.CodeOverloaded}
	}
	return nil
}

// once runs a write, or repeats the answer that its id had. Only successes are
// remembered.
func (m *Model) once(c command.Command, run func() command.Result) command.Result {
	if c.ID == "" {
		return run()
	}
	if r := m.known(c.ID); r != nil {
		if r.op == nil || !reflect.DeepEqual(r.op, c.Op) {
			return &command.Problem{Code: command.CodeIDReused}
		}
		return command.Replay(r.result)
	}
	if p := m.unwelcome(c.Header); p != nil {
		return p
	}
	result := run()
	if _, refused := result.(*command.Problem); !refused {
		m.end(m.remember(c.ID, c.Op), result)
	}
	return result
}

// sameContent tells whether a asks for what r asked first. Since rules 2 a ttl
// left out is the default one: for r that which it got, while that is known.
func (m *Model) sameContent(r *request, a *command.Acquire) bool {
	first := r.acquire
	if !slices.Equal(first.Entries, a.Entries) || first.Missing != a.Missing || first.Anonymous != a.Anonymous {
		return false
	}
	if first.TTL == a.TTL || m.rules < budgeted {
		return first.TTL == a.TTL
	}
	usual := m.settings.DefaultTTL
	switch {
	case a.TTL == 0:
		return first.TTL == usual
	case first.TTL != 0:
		return false
	case r.waiter != nil:
		return a.TTL == r.waiter.ttl
	case r.lease != nil:
		return a.TTL == r.lease.ttl
	}
	return a.TTL == usual
}

// again answers an acquire whose id is known.
func (m *Model) again(r *request, a *command.Acquire) command.Result {
	switch {
	case r.op == nil:
		return command.Replay(r.result)
	case r.acquire == nil, !m.sameContent(r, a):
		return &command.Problem{Code: command.CodeIDReused}
	case r.waiter != nil:
		return m.join(r.waiter)
	case r.lease != nil:
		return command.Replay(m.granted(r.lease))
	}
	return command.Replay(r.result)
}

// tombstone remembers an id that was released or cancelled before it came.
func (m *Model) tombstone(id string) {
	m.end(m.remember(id, nil), cancelled())
}

func cancelled() *command.Problem { return &command.Problem{Code: command.CodeCancelled} }

// wasCancelled tells whether the wait of r was cancelled.
func (r *request) wasCancelled() bool { return r.op != nil && r.endedWith(command.CodeCancelled) }

func (r *request) endedWith(c command.Code) bool {
	p, ok := r.result.(*command.Problem)
	return ok && p.Code == c
}
