package limit

import "github.com/limitd/limitd/fsm/command"

// The rows of a snapshot, each written and read side by side. Fields are only
// ever added, under a new snapshotFormat.

func encodeCluster(e *command.Encoder, s *State) {
	e.Uint(s.index)
	e.Int(s.now)
	e.Uint(s.term)
	e.Int(s.termStart)
	e.Int(s.forgotten)
	e.Fixed(s.id[:])
	command.EncodeSettings(e, s.settings)
	for _, v := range [...]uint64{s.rules, s.lastToken, s.lastLimit, s.lastPlace, s.lastEnd} {
		e.Uint(v)
	}
	if s.format() >= 4 {
		e.Int(s.quarantine)
	}
}

func decodeCluster(d *command.Decoder, s *State, format byte) {
	s.index, s.now, s.term, s.termStart, s.forgotten = d.Uint(), d.Int(), d.Uint(), d.Int(), d.Int()
	d.Fixed(s.id[:])
	s.settings = command.DecodeSettings(d)
	for _, v := range [...]*uint64{&s.rules, &s.lastToken, &s.lastLimit, &s.lastPlace, &s.lastEnd} {
		*v = d.Uint()
	}
	if format >= 4 {
		s.quarantine = d.Int()
	}
}

func encodeLimit(e *command.Encoder, l *limitRow) {
	e.Uint(l.seq)
	e.Fixed(l.uuid[:])
	e.String(l.name)
	command.EncodeLimitSettings(e, l.set)
	e.Bool(l.implicit)
	e.Bool(l.deleted)
	e.Uint(l.revision)
	for _, v := range [...]int64{l.createdWall, l.updatedWall, l.held, l.anonymous, l.since, l.denied, l.average, l.used} {
		e.Int(v)
	}
	e.Uint(l.frac)
	e.Uint(uint64(len(l.ordinals)))
	for _, word := range l.ordinals {
		e.Uint(word)
	}
}

func decodeLimit(d *command.Decoder) *limitRow {
	l := &limitRow{seq: d.Uint()}
	d.Fixed(l.uuid[:])
	l.name, l.set = d.String(), command.DecodeLimitSettings(d)
	l.implicit, l.deleted, l.revision = d.Bool(), d.Bool(), d.Uint()
	for _, v := range [...]*int64{&l.createdWall, &l.updatedWall, &l.held, &l.anonymous, &l.since, &l.denied, &l.average, &l.used} {
		*v = d.Int()
	}
	l.frac = d.Uint()
	for range d.Count() {
		l.ordinals = append(l.ordinals, d.Uint())
	}
	return l
}

func encodeHolding(e *command.Encoder, k pair, h *holding) {
	e.Uint(k.a)
	e.Uint(k.b)
	e.Byte(byte(h.kind))
	for _, v := range [...]int64{h.slots, h.granted, h.wall, h.freeAt} {
		e.Int(v)
	}
	command.EncodeOrdinals(e, h.ordinals.list())
}

func decodeHolding(d *command.Decoder) (pair, *holding) {
	k := pair{d.Uint(), d.Uint()}
	h := &holding{kind: HolderKind(d.Enum(byte(HolderGrace)))}
	for _, v := range [...]*int64{&h.slots, &h.granted, &h.wall, &h.freeAt} {
		*v = d.Int()
	}
	h.ordinals = newOrdinals(command.DecodeOrdinals(d))
	return k, h
}

func encodeLease(e *command.Encoder, x *lease) {
	t := x.terms.split()
	e.Uint(x.token)
	e.String(x.id)
	e.Fixed(t.owner)
	for _, v := range [...]int64{t.ttl, t.granted, t.waited, x.end, t.wall} {
		e.Int(v)
	}
	e.Fixed(t.lists)
}

func decodeLease(d *command.Decoder) *lease {
	x, t := &lease{token: d.Uint(), id: d.String()}, splitTerms{}
	t.owner = d.Span(func(d *command.Decoder) { command.DecodeOwner(d) })
	for _, v := range [...]*int64{&t.ttl, &t.granted, &t.waited, &x.end, &t.wall} {
		*v = d.Int()
	}
	t.lists = d.Span(func(d *command.Decoder) {
		decodeGrants(d)
		decodeStrings(d)
	})
	x.terms = t.pack()
	return x
}

func encodeGrants(e *command.Encoder, list []grant) {
	e.Uint(uint64(len(list)))
	for _, g := range list {
		e.Uint(g.limit)
		e.Int(g.slots)
		e.Byte(byte(g.mode))
		e.Bool(g.counted)
		e.Bool(g.wouldDeny)
		command.EncodeOrdinals(e, g.ordinals)
	}
}

func decodeGrants(d *command.Decoder) []grant {
	list := make([]grant, d.Count())
	for i := range list {
		list[i] = grant{
			limit: d.Uint(), slots: d.Int(), mode: command.Mode(d.Enum(byte(command.RateLimit))),
			counted: d.Bool(), wouldDeny: d.Bool(), ordinals: command.DecodeOrdinals(d),
		}
	}
	return list
}

func encodeStrings(e *command.Encoder, list []string) {
	e.Uint(uint64(len(list)))
	for _, v := range list {
		e.String(v)
	}
}

func decodeStrings(d *command.Decoder) (list []string) {
	for range d.Count() {
		list = append(list, d.String())
	}
	return list
}

func encodeWaiter(e *command.Encoder, w *waiter, park uint64) {
	e.Uint(w.age)
	e.String(w.id)
	e.Int(w.arrived)
	encodeDemand(e, &w.demand)
	for _, v := range [...]int64{w.deadline, w.lapse, w.moves, w.first} {
		e.Int(v)
	}
	e.Uint(park)
	e.Uint(w.protection)
	e.Bool(w.staged)
	e.Bool(w.parted)
}

func decodeWaiter(d *command.Decoder) *waiter {
	w := &waiter{age: d.Uint(), id: d.String(), arrived: d.Int(), demand: decodeDemand(d)}
	for _, v := range [...]*int64{&w.deadline, &w.lapse, &w.moves, &w.first} {
		*v = d.Int()
	}
	w.place.park, w.protection = d.Uint(), d.Uint()
	w.staged, w.parted = d.Bool(), d.Bool()
	return w
}

func encodeDemand(e *command.Encoder, m *demand) {
	e.Uint(uint64(len(m.wants)))
	for _, n := range m.wants {
		e.Uint(n.limit)
		e.Int(n.slots)
		e.Byte(byte(n.mode))
	}
	command.EncodeOwner(e, m.owner)
	for _, v := range [...]int64{m.ttl, m.linger, m.wait} {
		e.Int(v)
	}
	e.Fixed(m.family[:])
	e.Bool(m.anonymous)
	e.Bool(m.leased)
	encodeStrings(e, m.skipped)
}

func decodeDemand(d *command.Decoder) (m demand) {
	for range d.Count() {
		m.wants = append(m.wants, want{limit: d.Uint(), slots: d.Int(), mode: command.Mode(d.Enum(byte(command.RateLimit)))})
	}
	m.owner = command.DecodeOwner(d)
	for _, v := range [...]*int64{&m.ttl, &m.linger, &m.wait} {
		*v = d.Int()
	}
	d.Fixed(m.family[:])
	m.anonymous, m.leased = d.Bool(), d.Bool()
	m.skipped = decodeStrings(d)
	return m
}

func encodeRequest(e *command.Encoder, id string, r *request) {
	end := r.ending()
	e.String(id)
	e.Fixed(r.fingerprint[:])
	e.Byte(byte(r.state))
	e.Uint(r.ref)
	e.Int(r.first)
	e.Int(end.at)
	e.Uint(end.order)
	e.Bool(end.result != nil)
	if end.result != nil {
		command.EncodeResult(e, end.result)
	}
}

func decodeRequest(d *command.Decoder) (id string, r *request) {
	id, r = d.String(), new(request)
	d.Fixed(r.fingerprint[:])
	r.state = requestState(d.Enum(byte(requestLast)))
	r.ref, r.first = d.Uint(), d.Int()
	end := requestEnd{at: d.Int(), order: d.Uint()}
	if d.Bool() {
		end.result = command.DecodeResult(d)
	}
	if end != (requestEnd{}) {
		r.end = &end
	}
	return id, r
}

func encodeJob(e *command.Encoder, j job) {
	e.Byte(byte(j.kind))
	e.Uint(j.limit)
	e.Uint(j.from)
}

func decodeJob(d *command.Decoder) job {
	return job{kind: jobKind(d.Enum(byte(jobLast))), limit: d.Uint(), from: d.Uint()}
}
