package limit

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/limitd/limitd/fsm/command"
)

// What became of an id is remembered for a window of cluster time from its
// end, so that a retry through any node gets the one true answer (section 6).

// fingerprint tells one content from another under the same id.
func fingerprint(op command.Op) (sum [16]byte) {
	full := sha256.Sum256(command.Content(op))
	copy(sum[:], full[:])
	return sum
}

// same tells whether op is what r was opened with. A ttl left out is the default
// one written out: of an open wait or lease the ttl that it has, and of what has
// ended the default of today. (A client that repeats its own bytes is always the
// same.)
func (s *State) same(r *request, op *command.Acquire, mark [16]byte) bool {
	if r.fingerprint == mark || s.rules < rules2 {
		return r.fingerprint == mark
	}
	other := *op
	switch op.TTL {
	case 0:
		other.TTL = s.settings.DefaultTTL
	case s.ttlOf(r):
		other.TTL = 0
	default:
		return false
	}
	return r.fingerprint == fingerprint(&other)
}

// ttlOf is the ttl of an open request, and else the default one.
func (s *State) ttlOf(r *request) int64 {
	switch r.state {
	case requestWaiting:
		return s.waiters.get(r.ref).demand.ttl
	case requestHeld:
		return s.leases.get(r.ref).terms.ttl()
	}
	return s.settings.DefaultTTL
}

// request returns what is remembered of an id for use inside Apply, or nil.
func (s *State) request(id string) *request { return s.requests.own(id, s.epoch) }

// refuseNew returns why an id that is not known cannot be taken, or nil.
func (s *State) refuseNew(h command.Header) *command.Problem {
	if h.Accepted < s.forgotten {
		return &command.Problem{Code: command.CodeTooOld}
	}
	if int64(s.requests.len()) >= s.settings.MaxRemembered {
		return &command.Problem{
			Code: command.CodeOverloaded, Have: s.settings.MaxRemembered,
			Detail: "the cluster remembers as many requests as max_remembered allows; older ones are forgotten within the window of remember",
		}
	}
	return nil
}

// open begins to remember an id.
func (s *State) open(id string, mark [16]byte, state requestState, ref uint64) {
	s.requests.put(id, &request{fingerprint: mark, state: state, ref: ref, first: s.now}, s.epoch)
}

// remember keeps the answer to an id that has ended.
func (s *State) remember(id string, mark [16]byte, result command.Result) {
	s.open(id, mark, requestAnswered, 0)
	s.endRequest(id, requestAnswered, result)
}

// bury leaves a tombstone, so that an acquire that comes later grants nothing (S4).
func (s *State) bury(id string) {
	s.open(id, [16]byte{}, requestTombstone, 0)
	s.endRequest(id, requestTombstone, nil)
}

// endRequest starts the window after which the id is forgotten.
func (s *State) endRequest(id string, state requestState, result command.Result) {
	s.lastEnd++
	r := s.request(id)
	r.state, r.end = state, &requestEnd{at: s.now, order: s.lastEnd, result: result}
	s.ended.push(ending{at: s.now, id: id})
	if state.leaseEnded() {
		s.endedBy.Set(r.ref, id)
	}
}

func (s *State) forgetFirst() {
	e, _ := s.ended.front()
	s.ended.pop()
	r := s.requests.get(e.id)
	if r.state.leaseEnded() {
		s.endedBy.Delete(r.ref)
	}
	s.requests.delete(e.id)
}

// replay answers a repeated write other than an acquire.
func (r *request) replay(mark [16]byte) command.Result {
	if r.state != requestAnswered || r.fingerprint != mark {
		return &command.Problem{Code: command.CodeIDReused}
	}
	return command.Replay(r.ending().result)
}

// again answers a repeated acquire.
func (s *State) again(r *request, op *command.Acquire, mark [16]byte) command.Result {
	if r.state == requestTombstone {
		return &command.Problem{Code: command.CodeCancelled, Replayed: true}
	}
	if !s.same(r, op, mark) {
		return &command.Problem{Code: command.CodeIDReused}
	}
	switch {
	case r.state == requestWaiting:
		return s.joinWait(s.waiter(r.ref))
	case r.state == requestHeld:
		x := s.leases.get(r.ref)
		t := x.terms.unpack()
		return command.Replay(s.showGrant(x, &t))
	case r.state.leaseEnded():
		return &command.Problem{Code: command.CodeLeaseEnded, Replayed: true}
	}
	return command.Replay(r.ending().result)
}

// uuid makes the id of a new limit: its number, then a hash, as RFC 9562's
// version 8 lays out; so the order of ids is the order of creation.
func (s *State) uuid(seq uint64) (id [16]byte) {
	var seed [32]byte
	copy(seed[:], s.id[:])
	binary.BigEndian.PutUint64(seed[16:], seq)
	binary.BigEndian.PutUint64(seed[24:], s.record.index)
	sum := sha256.Sum256(seed[:])
	copy(id[:], sum[:])
	binary.BigEndian.PutUint16(id[0:], uint16(seq>>32))
	binary.BigEndian.PutUint32(id[2:], uint32(seq))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// numberOf returns the number in a limit's id.
func numberOf(id [16]byte) uint64 {
	return uint64(binary.BigEndian.Uint16(id[0:]))<<32 | uint64(binary.BigEndian.Uint32(id[2:]))
}
