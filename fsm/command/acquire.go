package command

// Mode says how an entry's slots come back.
type Mode uint8

const (
	// Concurrency slots come back by release or by the lease's end.
	Concurrency Mode = iota
	// RateLimit slots come back only by decay.
	RateLimit
)

// Missing says what an acquire does about limits that do not exist.
type Missing uint8

const (
	// MissingError refuses the acquire.
	MissingError Missing = iota
	// MissingSkip goes on without them.
	MissingSkip
	// MissingCreate makes them, inactive and marked implicit.
	MissingCreate
)

// Pair is a key with its value: a label, or an owner's meta entry.
type Pair struct{ Key, Value string }

// Owner says who asks, for people to read.
type Owner struct {
	Name, Host string
	PID        int64
	Meta       []Pair // sorted by key
}

// Entry is one limit of an acquire.
type Entry struct {
	Name  string
	Slots int64 // at least 1
	Mode  Mode
}

// Acquire asks for slots of one or several limits in one step, all or nothing.
// The header's ID is the acquire's id.
type Acquire struct {
	Entries   []Entry // 1 to 64, no name twice
	Wait      int64   // ns to wait in the queue; 0: answer at once
	TTL       int64   // ns that the lease runs; 0: the cluster's default
	Linger    int64   // ns that the place outlives its last open call; 0: the default of 15 s
	Owner     Owner
	Missing   Missing
	Anonymous bool     // occupy slots without a lease (Prefect's older calls)
	Family    [16]byte // not zero: takes up the oldest parted place of the same family (semantics.md A4)
}

// Kind returns KindAcquire.
func (*Acquire) Kind() Kind { return KindAcquire }

func (a *Acquire) encode(e *Encoder) {
	encodeList(e, a.Entries, encodeEntry)
	e.Int(a.Wait)
	e.Int(a.TTL)
	e.Int(a.Linger)
	EncodeOwner(e, a.Owner)
	e.Byte(byte(a.Missing))
	e.Bool(a.Anonymous)
	e.Fixed(a.Family[:])
}

func (a *Acquire) decode(d *Decoder) {
	a.Entries = decodeList(d, decodeEntry)
	a.Wait = d.Int()
	a.TTL = d.Int()
	a.Linger = d.Int()
	a.Owner = DecodeOwner(d)
	a.Missing = Missing(d.Enum(byte(MissingCreate)))
	a.Anonymous = d.Bool()
	d.Fixed(a.Family[:])
}

func encodeEntry(e *Encoder, n Entry) {
	e.String(n.Name)
	e.Int(n.Slots)
	e.Byte(byte(n.Mode))
}

func decodeEntry(d *Decoder) Entry {
	return Entry{Name: d.String(), Slots: d.Int(), Mode: Mode(d.Enum(byte(RateLimit)))}
}

// EncodeOwner writes o.
func EncodeOwner(e *Encoder, o Owner) {
	e.String(o.Name)
	e.String(o.Host)
	e.Int(o.PID)
	encodeList(e, o.Meta, encodePair)
}

// DecodeOwner reads what EncodeOwner wrote.
func DecodeOwner(d *Decoder) Owner {
	return Owner{Name: d.String(), Host: d.String(), PID: d.Int(), Meta: decodeList(d, decodePair)}
}

func encodePair(e *Encoder, p Pair) {
	e.String(p.Key)
	e.String(p.Value)
}

func decodePair(d *Decoder) Pair { return Pair{Key: d.String(), Value: d.String()} }

// Granted answers an acquire that got its slots.
type Granted struct {
	ID        string
	Token     uint64 // the grant's number, unique and rising
	Lease     bool   // a lease comes of it; else TTL, ExpiresIn and ExpiresWall mean nothing
	TTL       int64  // ns
	Waited    int64  // ns of cluster time from the id's first record to the grant
	ExpiresIn int64  // ns of cluster time, seen from the record that answers

	GrantedWall, ExpiresWall int64 // unix ns, for display

	Limits   []GrantedLimit // in the order of the request
	Skipped  []string       // missing limits that were skipped
	Replayed bool
}

// GrantedLimit is one limit of a grant.
type GrantedLimit struct {
	UUID      [16]byte
	Name      string
	Slots     int64
	Mode      Mode
	Counted   bool // false: the limit is inactive, or in shadow and full
	WouldDeny bool // in shadow: enforcing, it would not have let this pass
	Ordinals  []uint32

	Capacity, Occupied int64 // the limit's slots, and how many are occupied after the grant (rounded up)
	Rate               Rate
}

func (g *Granted) resultKind() resultKind { return resultGranted }

func (g *Granted) encode(e *Encoder) {
	e.String(g.ID)
	e.Uint(g.Token)
	e.Bool(g.Lease)
	for _, v := range [...]int64{g.TTL, g.Waited, g.ExpiresIn, g.GrantedWall, g.ExpiresWall} {
		e.Int(v)
	}
	encodeList(e, g.Limits, encodeGrantedLimit)
	encodeList(e, g.Skipped, (*Encoder).String)
	e.Bool(g.Replayed)
}

func (g *Granted) decode(d *Decoder) {
	g.ID, g.Token, g.Lease = d.String(), d.Uint(), d.Bool()
	for _, v := range [...]*int64{&g.TTL, &g.Waited, &g.ExpiresIn, &g.GrantedWall, &g.ExpiresWall} {
		*v = d.Int()
	}
	g.Limits = decodeList(d, decodeGrantedLimit)
	g.Skipped = decodeList(d, (*Decoder).String)
	g.Replayed = d.Bool()
}

func encodeGrantedLimit(e *Encoder, l GrantedLimit) {
	e.Fixed(l.UUID[:])
	e.String(l.Name)
	e.Int(l.Slots)
	e.Byte(byte(l.Mode))
	e.Bool(l.Counted)
	e.Bool(l.WouldDeny)
	EncodeOrdinals(e, l.Ordinals)
	e.Int(l.Capacity)
	e.Int(l.Occupied)
	EncodeRate(e, l.Rate)
}

func decodeGrantedLimit(d *Decoder) GrantedLimit {
	var l GrantedLimit
	d.Fixed(l.UUID[:])
	l.Name, l.Slots, l.Mode = d.String(), d.Int(), Mode(d.Enum(byte(RateLimit)))
	l.Counted, l.WouldDeny = d.Bool(), d.Bool()
	l.Ordinals = DecodeOrdinals(d)
	l.Capacity, l.Occupied = d.Int(), d.Int()
	l.Rate = DecodeRate(d)
	return l
}

// EncodeOrdinals writes the numbers of a numbered limit's slots.
func EncodeOrdinals(e *Encoder, list []uint32) {
	encodeList(e, list, func(e *Encoder, v uint32) { e.Uint(uint64(v)) })
}

// DecodeOrdinals reads what EncodeOrdinals wrote.
func DecodeOrdinals(d *Decoder) []uint32 {
	return decodeList(d, func(d *Decoder) uint32 { return uint32(d.Uint()) })
}

// Denied answers an acquire that got nothing: a try that did not fit, or a
// wait that ran out.
type Denied struct {
	ID         string
	Expired    bool  // the wait ran out; false: a try was denied
	RetryAfter int64 // ns after which a retry can succeed; -1: nothing can be said
	Position   int64 // the place in the queue that it had, or would have had, from 1
	BlockedBy  []Blocker
	Replayed   bool
}

// Blocker is a limit that stands in an acquire's way.
type Blocker struct {
	Name                   string
	Slots, Occupied, Ahead int64 // Ahead: waiters that come first there
}

func (n *Denied) resultKind() resultKind { return resultDenied }

func (n *Denied) encode(e *Encoder) {
	e.String(n.ID)
	e.Bool(n.Expired)
	e.Int(n.RetryAfter)
	e.Int(n.Position)
	encodeList(e, n.BlockedBy, encodeBlocker)
	e.Bool(n.Replayed)
}

func (n *Denied) decode(d *Decoder) {
	n.ID, n.Expired, n.RetryAfter, n.Position = d.String(), d.Bool(), d.Int(), d.Int()
	n.BlockedBy = decodeList(d, decodeBlocker)
	n.Replayed = d.Bool()
}

func encodeBlocker(e *Encoder, b Blocker) {
	e.String(b.Name)
	e.Int(b.Slots)
	e.Int(b.Occupied)
	e.Int(b.Ahead)
}

func decodeBlocker(d *Decoder) Blocker {
	return Blocker{Name: d.String(), Slots: d.Int(), Occupied: d.Int(), Ahead: d.Int()}
}

// Waiting answers an acquire that stands in the queue.
type Waiting struct {
	ID            string
	Age           uint64 // the log index of its acquire, by which Interest and Part name it
	Position      int64  // from 1
	EstimatedWait int64  // ns; -1: nothing can be said
	BlockedBy     []Blocker
}

func (w *Waiting) resultKind() resultKind { return resultWaiting }

func (w *Waiting) encode(e *Encoder) {
	e.String(w.ID)
	e.Uint(w.Age)
	e.Int(w.Position)
	e.Int(w.EstimatedWait)
	encodeList(e, w.BlockedBy, encodeBlocker)
}

func (w *Waiting) decode(d *Decoder) {
	w.ID, w.Age, w.Position, w.EstimatedWait = d.String(), d.Uint(), d.Int(), d.Int()
	w.BlockedBy = decodeList(d, decodeBlocker)
}
