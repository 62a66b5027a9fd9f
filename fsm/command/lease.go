package command

// Release gives a grant's slots back, cancels a waiting acquire, or leaves a
// tombstone for an id that is not known yet. Token or ID names the grant.
type Release struct {
	Token uint64 // 0: named by ID
	ID    string
}

// Kind returns KindRelease.
func (*Release) Kind() Kind { return KindRelease }

func (r *Release) encode(e *Encoder) { e.Uint(r.Token); e.String(r.ID) }
func (r *Release) decode(d *Decoder) { r.Token, r.ID = d.Uint(), d.String() }

// Reason says why a release released nothing.
type Reason uint8

const (
	ReasonNone    Reason = iota
	ReasonExpired        // the lease had ended by its time
	ReasonUnknown        // no such grant, or forgotten
	ReasonForced         // an operator had released it
)

// Released answers a release.
type Released struct {
	Released bool
	Reason   Reason // set where Released is false
	Replayed bool   // it had been released before, within the window of remembering
}

func (r *Released) resultKind() resultKind { return resultReleased }

func (r *Released) encode(e *Encoder) {
	e.Bool(r.Released)
	e.Byte(byte(r.Reason))
	e.Bool(r.Replayed)
}

func (r *Released) decode(d *Decoder) {
	r.Released, r.Reason, r.Replayed = d.Bool(), Reason(d.Enum(byte(ReasonForced))), d.Bool()
}

// Renew moves the ends of leases to at least TTL from now, all in one record.
type Renew struct {
	Tokens []uint64
	IDs    []string
	TTL    int64 // ns; 0: each lease's own
}

// Kind returns KindRenew.
func (*Renew) Kind() Kind { return KindRenew }

func (r *Renew) encode(e *Encoder) {
	encodeList(e, r.Tokens, (*Encoder).Uint)
	encodeList(e, r.IDs, (*Encoder).String)
	e.Int(r.TTL)
}

func (r *Renew) decode(d *Decoder) {
	r.Tokens = decodeList(d, (*Decoder).Uint)
	r.IDs = decodeList(d, (*Decoder).String)
	r.TTL = d.Int()
}

// LeaseState says what a renew found.
type LeaseState uint8

const (
	LeaseHeld    LeaseState = iota
	LeaseGone               // ended, or never known
	LeaseWaiting            // the id still stands in the queue
)

// RenewedLease is one lease of a renew.
type RenewedLease struct {
	Token     uint64
	ID        string
	State     LeaseState
	ExpiresIn int64 // ns of cluster time, where held
}

// Renewed answers a renew, in the order of its tokens, then of its ids.
type Renewed struct{ Leases []RenewedLease }

func (r *Renewed) resultKind() resultKind { return resultRenewed }

func (r *Renewed) encode(e *Encoder) {
	encodeList(e, r.Leases, func(e *Encoder, l RenewedLease) {
		e.Uint(l.Token)
		e.String(l.ID)
		e.Byte(byte(l.State))
		e.Int(l.ExpiresIn)
	})
}

func (r *Renewed) decode(d *Decoder) {
	r.Leases = decodeList(d, func(d *Decoder) RenewedLease {
		return RenewedLease{Token: d.Uint(), ID: d.String(), State: LeaseState(d.Enum(byte(LeaseWaiting))), ExpiresIn: d.Int()}
	})
}

// Cancel ends the wait of an acquire; a grant that came first is released; an
// id that is not known yet gets a tombstone.
type Cancel struct{ ID string }

// Kind returns KindCancel.
func (*Cancel) Kind() Kind { return KindCancel }

func (c *Cancel) encode(e *Encoder) { e.String(c.ID) }
func (c *Cancel) decode(d *Decoder) { c.ID = d.String() }

// Cancelled answers a cancel.
type Cancelled struct {
	Cancelled bool // false: the acquire had ended before
	Replayed  bool
}

func (c *Cancelled) resultKind() resultKind { return resultCancelled }
func (c *Cancelled) encode(e *Encoder)      { e.Bool(c.Cancelled); e.Bool(c.Replayed) }
func (c *Cancelled) decode(d *Decoder)      { c.Cancelled, c.Replayed = d.Bool(), d.Bool() }

// ForceRelease is an operator's release of a lease.
type ForceRelease struct{ Token uint64 }

// Kind returns KindForceRelease.
func (*ForceRelease) Kind() Kind { return KindForceRelease }

func (f *ForceRelease) encode(e *Encoder) { e.Uint(f.Token) }
func (f *ForceRelease) decode(d *Decoder) { f.Token = d.Uint() }

// Interest renews a node's interest in the waiters whose callers it holds open.
type Interest struct {
	Ages []uint64 // Waiting.Age of each, ascending
}

// Kind returns KindInterest.
func (*Interest) Kind() Kind { return KindInterest }

func (i *Interest) encode(e *Encoder) {
	e.Uint(uint64(len(i.Ages)))
	var last uint64
	for _, a := range i.Ages {
		e.Uint(a - last)
		last = a
	}
}

func (i *Interest) decode(d *Decoder) {
	var last uint64
	i.Ages = decodeList(d, func(d *Decoder) uint64 {
		last += d.Uint()
		return last
	})
}

// Part parts a waiting place: it keeps its age, blocks and reserves nothing,
// and lapses unless it is taken up again (semantics.md A4).
type Part struct {
	ID    string
	Lapse int64 // ns
}

// Kind returns KindPart.
func (*Part) Kind() Kind { return KindPart }

func (p *Part) encode(e *Encoder) { e.String(p.ID); e.Int(p.Lapse) }
func (p *Part) decode(d *Decoder) { p.ID, p.Lapse = d.String(), d.Int() }

// Decrement gives back anonymous slots, oldest first.
type Decrement struct {
	Entries []Entry
	// Occupied says how long the slots were in use, ns; 0: not said.
	Occupied int64
}

// Kind returns KindDecrement.
func (*Decrement) Kind() Kind { return KindDecrement }

func (c *Decrement) encode(e *Encoder) { encodeList(e, c.Entries, encodeEntry); e.Int(c.Occupied) }
func (c *Decrement) decode(d *Decoder) { c.Entries, c.Occupied = decodeList(d, decodeEntry), d.Int() }

// Disown turns the slots of a lease into anonymous ones: they stay occupied, and
// the lease is no more. ID is the id of its acquire.
type Disown struct{ ID string }

// Kind returns KindDisown.
func (*Disown) Kind() Kind { return KindDisown }

func (x *Disown) encode(e *Encoder) { e.String(x.ID) }
func (x *Disown) decode(d *Decoder) { x.ID = d.String() }

// SetActive leaves max(0, Slots - leased) anonymous slots on a limit.
type SetActive struct {
	Name  string
	Slots int64
}

// Kind returns KindSetActive.
func (*SetActive) Kind() Kind { return KindSetActive }

func (s *SetActive) encode(e *Encoder) { e.String(s.Name); e.Int(s.Slots) }
func (s *SetActive) decode(d *Decoder) { s.Name, s.Slots = d.String(), d.Int() }
