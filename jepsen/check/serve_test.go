package check_test

import (
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// serve runs one record for an op and fills in what is answered. It returns the
// id that the op waits for, if it has to.
func (s *toy) serve(o *history.Op, stamp int64) (waits *toyID) {
	s.begin(stamp)
	o.Outcome, o.Status = history.OK, 200
	switch again := s.done[o.ID]; {
	case o.Kind == history.Acquire || o.ID == "" || o.Kind == history.Release || o.Kind == history.Cancel || o.Kind == history.ReadID:
		waits = s.run(o)
	case again:
		// The same answer: that it is one does not show.
	default:
		s.run(o)
		s.done[o.ID] = o.Code == ""
	}
	s.settle(s.now)
	o.Index, o.Time = s.index, s.now
	return waits
}

// run does what an op asks for.
func (s *toy) run(o *history.Op) (waits *toyID) {
	switch o.Kind {
	case history.Acquire:
		waits = s.acquire(o)
	case history.Release, history.Cancel, history.Force:
		s.release(o)
	case history.Renew:
		s.renew(o)
	case history.Put:
		s.put(o)
	case history.Reset:
		s.reset(o)
	case history.Delete:
		s.remove(o)
	case history.ReadLimit:
		s.read(o)
	case history.ReadID:
		q := s.ids[o.ID]
		o.Found = q != nil
		if q != nil {
			o.State = map[bool]string{true: "granted", false: "ended"}[q.code == ""]
		}
		if q != nil && q.code == "" && q.token == 0 {
			o.State = "waiting"
		}
	}
	return waits
}

func (s *toy) acquire(o *history.Op) *toyID {
	if q := s.ids[o.ID]; q != nil && !s.sick("no memory", 2) && !(q.code == "cancelled" && s.sick("a barred id is granted", 1)) {
		if q.code == "" && q.token == 0 {
			return q
		}
		s.show(q, o)
		o.Replayed = true
		return nil
	}
	for _, w := range o.Limits {
		if s.limits[w.Name] == nil {
			o.Code = "limit_not_found"
			return nil
		}
	}
	q := &toyID{id: o.ID, ask: o.Ask, arrived: s.now, deadline: s.now + int64(o.Wait)}
	s.ids[o.ID] = q
	queue := s.queue
	if s.sick("a try overtakes", 4) {
		queue = nil
	}
	lacks := s.lacks(q, queue) != ""
	switch {
	case lacks && s.sick("over-grant", 20), !lacks && !s.sick("false denial", 60):
		s.grant(q, s.now)
		s.show(q, o)
	case o.Wait == 0:
		q.code = "denied"
		s.show(q, o)
		s.hint(o)
	default:
		q.park = s.lacks(q, s.queue)
		s.queue = append(s.queue, q)
		return q
	}
	return nil
}

// hint tells when a denied try may come again, where decay alone decides.
func (s *toy) hint(o *history.Op) {
	o.RetryAfter = -1
	for _, w := range o.Limits {
		n := int64(0)
		for _, q := range s.queue {
			n += min(1, wants(q, w.Name))
		}
		o.Ahead = max(o.Ahead, n)
	}
	l := s.limits[o.Limits[0].Name]
	if len(o.Limits) > 1 || l.set.RateNum == 0 || l.set.Inactive {
		return
	}
	at := l.fitsAt(o.Limits[0].Slots * (o.Ahead + 1))
	o.RetryAfter = time.Duration(at - s.now)
	switch {
	case s.sick("told to come late", 3):
		o.RetryAfter += 3 * time.Millisecond
	case s.sick("told to come a little late", 3):
		o.RetryAfter++
	case s.sick("told to come early", 3):
		o.RetryAfter = max(1, o.RetryAfter-3*time.Millisecond)
	case s.sick("told to come at once", 3):
		o.RetryAfter = 0
	case s.sick("told nothing", 3):
		o.RetryAfter = -1
	}
	if s.sick("a denial moves the decay", 1) {
		l.level += int64(l.set.RateNum) * 10
	}
}

// show tells what became of an id.
func (s *toy) show(q *toyID, o *history.Op) {
	o.Status, o.Code = 200, q.code // what a denial was told is not told again
	if q.code != "" && !(q.code == "lease_ended" && s.sick("the dead come back", 2)) {
		return
	}
	o.Code, o.Token, o.Waited, o.Granted = "", q.token, time.Duration(q.waited), slices.Clone(q.took)
	if x := s.leases[q.token]; x != nil {
		o.ExpiresIn = time.Duration(x.end - s.now)
	}
	if o.Code == "" && q.code != "" {
		o.ExpiresIn = q.ask.TTL
	}
}

func (s *toy) release(o *history.Op) {
	q := s.ids[o.ID]
	if len(o.Tokens) > 0 {
		for _, known := range s.ids {
			if known.token == o.Tokens[0] {
				q = known
			}
		}
	}
	token := uint64(0)
	if q != nil && s.leases[q.token] != nil {
		token = q.token
	}
	did, again := false, false
	switch {
	case q == nil:
		if o.ID != "" {
			s.ids[o.ID] = &toyID{id: o.ID, code: "cancelled"}
		}
		o.Reason = "unknown"
	case token != 0:
		code := "lease_ended"
		s.end(token, code, false)
		q.leased = false
		did = true
	case q.token == 0 && q.code == "":
		s.leave(q, "cancelled")
		did = true
	case q.code == "lease_ended" && !q.leased:
		did, again = true, !s.sick("released twice", 1)
	default:
		o.Reason = "expired"
	}
	switch o.Kind {
	case history.Cancel:
		o.Cancelled, o.Replayed = did, again
	case history.Force:
		if !did || again {
			o.Code = "lease_not_found"
		}
	default:
		o.Released, o.Replayed = did, again
	}
}

func (s *toy) renew(o *history.Op) {
	for _, token := range o.Tokens {
		x := s.leases[token]
		if x == nil && !(s.token >= token && s.sick("renew past expiry", 1)) {
			o.Leases = append(o.Leases, history.Renewed{Token: token, State: "gone"})
			continue
		}
		if x == nil {
			o.Leases = append(o.Leases, history.Renewed{Token: token, State: "held", ExpiresIn: o.TTL})
			continue
		}
		end := s.now + int64(o.TTL)
		if !s.sick("renew shortens", 2) {
			end = max(end, x.end)
		} else {
			end = s.now + int64(o.TTL)/4
		}
		x.end = end
		o.Leases = append(o.Leases, history.Renewed{Token: token, State: "held", ExpiresIn: time.Duration(x.end - s.now)})
	}
}

func (s *toy) put(o *history.Op) {
	name := o.Limits[0].Name
	l := s.limits[name]
	if l == nil {
		l = &toyLimit{held: map[uint64]int64{}, grace: map[uint64]int64{}, ordinals: map[uint32]uint64{}, since: s.now}
		s.limits[name] = l
	}
	if l.set.Inactive != o.Config.Inactive && s.sick("a toggle leaks", 2) {
		l.held[1<<60] = 1
	}
	if s.sick("the bucket has one more", 1) {
		l.extra = 1
	}
	if s.sick("the bucket leaks faster", 1) {
		l.faster = 10
	}
	if s.sick("the bucket has one less", 1) {
		l.extra = -1
	}
	if s.sick("the bucket leaks slower", 1) {
		l.faster = -10
	}
	l.decay(s.now)
	l.set = *o.Config
	for _, q := range slices.Clone(s.queue) {
		if n := slices.IndexFunc(q.ask.Limits, func(w history.Want) bool { return w.Name == name }); n >= 0 && !l.set.Inactive && q.ask.Limits[n].Slots > l.set.Slots {
			s.leave(q, "never_fits")
		}
	}
}

func (s *toy) reset(o *history.Op) {
	l := s.limits[o.Limits[0].Name]
	if l == nil {
		o.Code = "limit_not_found"
		return
	}
	for token := range l.held {
		delete(l.grace, token)
		l.free(token)
	}
	l.level = 0
}

// remove deletes a limit: its waiters are told, its leases lose it.
func (s *toy) remove(o *history.Op) {
	name := o.Limits[0].Name
	if s.limits[name] == nil {
		o.Code = "limit_not_found"
	}
	for _, q := range slices.Clone(s.queue) {
		if slices.ContainsFunc(q.ask.Limits, func(w history.Want) bool { return w.Name == name }) {
			s.leave(q, "limit_deleted")
		}
	}
	for _, x := range s.leases {
		x.took = slices.DeleteFunc(slices.Clone(x.took), func(t history.Granted) bool { return t.Name == name })
		x.id.took = x.took
	}
	delete(s.limits, name)
}

func (s *toy) read(o *history.Op) {
	l := s.limits[o.Limits[0].Name]
	if o.Found = l != nil; !o.Found {
		o.Code = "limit_not_found"
		return
	}
	o.Slots, o.Occupied = l.set.Slots, l.occupied()
	if l.set.RateNum > 0 {
		l.decay(s.now)
		o.Occupied = (l.level + int64(l.set.RatePer) - 1) / int64(l.set.RatePer)
	}
	for _, q := range s.queue {
		if slices.ContainsFunc(q.ask.Limits, func(w history.Want) bool { return w.Name == o.Limits[0].Name }) {
			o.Waiting++
		}
	}
}
