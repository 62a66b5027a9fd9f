package command

// LimitSettings is what people set of a limit.
type LimitSettings struct {
	Slots       int64 // 0 to MaxSlots
	Active      bool
	Rate        Rate // zero: slots come back by release only
	Shadow      bool // judges and counts, but never blocks
	Numbered    bool // slots have ordinals
	Grace       int64
	Description string
	Labels      []Pair // sorted by key
}

// MaxSlots is the largest number of slots: what a double holds exactly.
const MaxSlots = 1<<53 - 1

// MaxNumbered is the largest number of slots of a numbered limit.
const MaxNumbered = 4096

// EncodeLimitSettings writes s.
func EncodeLimitSettings(e *Encoder, s LimitSettings) {
	e.Int(s.Slots)
	e.Bool(s.Active)
	EncodeRate(e, s.Rate)
	e.Bool(s.Shadow)
	e.Bool(s.Numbered)
	e.Int(s.Grace)
	e.String(s.Description)
	encodeList(e, s.Labels, encodePair)
}

// DecodeLimitSettings reads what EncodeLimitSettings wrote.
func DecodeLimitSettings(d *Decoder) LimitSettings {
	return LimitSettings{
		Slots: d.Int(), Active: d.Bool(), Rate: DecodeRate(d), Shadow: d.Bool(), Numbered: d.Bool(),
		Grace: d.Int(), Description: d.String(), Labels: decodeList(d, decodePair),
	}
}

// PutMode says what a PutLimit may do.
type PutMode uint8

const (
	PutCreate  PutMode = iota // make it; limit_exists where it is there
	PutReplace                // make it, or replace its settings
	PutAbsent                 // make it; revision_mismatch where it is there (If-None-Match: *)
)

// PutLimit makes a limit or replaces its settings.
type PutLimit struct {
	Name       string
	Settings   LimitSettings
	Mode       PutMode
	IfRevision *uint64 // only at this revision
}

// Kind returns KindPutLimit.
func (*PutLimit) Kind() Kind { return KindPutLimit }

func (p *PutLimit) encode(e *Encoder) {
	e.String(p.Name)
	EncodeLimitSettings(e, p.Settings)
	e.Byte(byte(p.Mode))
	encodeOptional(e, p.IfRevision, (*Encoder).Uint)
}

func (p *PutLimit) decode(d *Decoder) {
	p.Name, p.Settings, p.Mode = d.String(), DecodeLimitSettings(d), PutMode(d.Enum(byte(PutAbsent)))
	p.IfRevision = decodeOptional(d, (*Decoder).Uint)
}

// UpdateLimit changes what is set here and leaves the rest.
type UpdateLimit struct {
	Name       string
	IfRevision *uint64

	NewName     *string
	Slots       *int64
	Active      *bool
	Rate        *Rate
	Shadow      *bool
	Numbered    *bool
	Grace       *int64
	Description *string
	Labels      *LabelPatch
}

// LabelPatch changes some labels.
type LabelPatch struct {
	Clear  bool // drop all the others first
	Set    []Pair
	Delete []string
}

// Kind returns KindUpdateLimit.
func (*UpdateLimit) Kind() Kind { return KindUpdateLimit }

func (u *UpdateLimit) encode(e *Encoder) {
	e.String(u.Name)
	encodeOptional(e, u.IfRevision, (*Encoder).Uint)
	encodeOptional(e, u.NewName, (*Encoder).String)
	encodeOptional(e, u.Slots, (*Encoder).Int)
	encodeOptional(e, u.Active, (*Encoder).Bool)
	encodeOptional(e, u.Rate, EncodeRate)
	encodeOptional(e, u.Shadow, (*Encoder).Bool)
	encodeOptional(e, u.Numbered, (*Encoder).Bool)
	encodeOptional(e, u.Grace, (*Encoder).Int)
	encodeOptional(e, u.Description, (*Encoder).String)
	encodeOptional(e, u.Labels, func(e *Encoder, p LabelPatch) {
		e.Bool(p.Clear)
		encodeList(e, p.Set, encodePair)
		encodeList(e, p.Delete, (*Encoder).String)
	})
}

func (u *UpdateLimit) decode(d *Decoder) {
	u.Name = d.String()
	u.IfRevision = decodeOptional(d, (*Decoder).Uint)
	u.NewName = decodeOptional(d, (*Decoder).String)
	u.Slots = decodeOptional(d, (*Decoder).Int)
	u.Active = decodeOptional(d, (*Decoder).Bool)
	u.Rate = decodeOptional(d, DecodeRate)
	u.Shadow = decodeOptional(d, (*Decoder).Bool)
	u.Numbered = decodeOptional(d, (*Decoder).Bool)
	u.Grace = decodeOptional(d, (*Decoder).Int)
	u.Description = decodeOptional(d, (*Decoder).String)
	u.Labels = decodeOptional(d, func(d *Decoder) LabelPatch {
		return LabelPatch{Clear: d.Bool(), Set: decodeList(d, decodePair), Delete: decodeList(d, (*Decoder).String)}
	})
}

// DeleteLimit removes a limit: leases lose it, its waiters are told.
type DeleteLimit struct {
	Name       string
	IfRevision *uint64
}

// Kind returns KindDeleteLimit.
func (*DeleteLimit) Kind() Kind { return KindDeleteLimit }

func (x *DeleteLimit) encode(e *Encoder) {
	e.String(x.Name)
	encodeOptional(e, x.IfRevision, (*Encoder).Uint)
}

func (x *DeleteLimit) decode(d *Decoder) {
	x.Name = d.String()
	x.IfRevision = decodeOptional(d, (*Decoder).Uint)
}

// ResetLimit frees all that is occupied on a limit.
type ResetLimit struct{ Name string }

// Kind returns KindResetLimit.
func (*ResetLimit) Kind() Kind { return KindResetLimit }

func (r *ResetLimit) encode(e *Encoder) { e.String(r.Name) }
func (r *ResetLimit) decode(d *Decoder) { r.Name = d.String() }

// Limit answers a write of a limit, and a read of one.
type Limit struct {
	UUID     [16]byte
	Name     string
	Settings LimitSettings
	Implicit bool
	Revision uint64
	Created  bool // this write made it

	CreatedWall, UpdatedWall int64 // unix ns, for display

	Occupied     int64 // slots, rounded up
	Waiting      int64 // waiters that name it, the parted ones too
	Denied       int64 // acquires it turned away
	AvgOccupancy int64 // ns a slot is held, on average; 0: none has been given back yet
	Replayed     bool
}

func (l *Limit) resultKind() resultKind { return resultLimit }

func (l *Limit) encode(e *Encoder) {
	e.Fixed(l.UUID[:])
	e.String(l.Name)
	EncodeLimitSettings(e, l.Settings)
	e.Bool(l.Implicit)
	e.Uint(l.Revision)
	e.Bool(l.Created)
	for _, v := range [...]int64{l.CreatedWall, l.UpdatedWall, l.Occupied, l.Waiting, l.Denied, l.AvgOccupancy} {
		e.Int(v)
	}
	e.Bool(l.Replayed)
}

func (l *Limit) decode(d *Decoder) {
	d.Fixed(l.UUID[:])
	l.Name, l.Settings, l.Implicit, l.Revision, l.Created = d.String(), DecodeLimitSettings(d), d.Bool(), d.Uint(), d.Bool()
	for _, v := range [...]*int64{&l.CreatedWall, &l.UpdatedWall, &l.Occupied, &l.Waiting, &l.Denied, &l.AvgOccupancy} {
		*v = d.Int()
	}
	l.Replayed = d.Bool()
}

// Freed answers a reset: how many slots it freed, rounded up.
type Freed struct {
	Slots    int64
	Replayed bool
}

func (f *Freed) resultKind() resultKind { return resultFreed }
func (f *Freed) encode(e *Encoder)      { e.Int(f.Slots); e.Bool(f.Replayed) }
func (f *Freed) decode(d *Decoder)      { f.Slots, f.Replayed = d.Int(), d.Bool() }

// Limits answers a Decrement: the limits it found, in the order of the request.
type Limits struct{ Limits []Limit }

func (l *Limits) resultKind() resultKind { return resultLimits }

func (l *Limits) encode(e *Encoder) {
	encodeList(e, l.Limits, func(e *Encoder, v Limit) { v.encode(e) })
}

func (l *Limits) decode(d *Decoder) {
	l.Limits = decodeList(d, func(d *Decoder) (v Limit) { v.decode(d); return v })
}
