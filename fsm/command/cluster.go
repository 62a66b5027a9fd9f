package command

// Settings are the replicated settings that Apply reads (semantics.md T8).
type Settings struct {
	DefaultTTL    int64 // ns
	Remember      int64 // ns that the end of a request is remembered
	MaxRemembered int64
	MaxWaiters    int64
	Patience      int64 // ns that the first of a queue waits before slots are kept for it
	MaxBackdate   int64 // ns: G of semantics.md E2
	TickInterval  int64 // ns between ticks while something is in use
	MaxImplicit   int64
	ImplicitTTL   int64 // ns that an unused implicit limit is kept
	MaxLimits     int64
	MaxLeases     int64
}

// DefaultSettings returns the settings of a new cluster.
func DefaultSettings() Settings {
	const second = int64(1e9)
	return Settings{
		DefaultTTL: 60 * second, Remember: 60 * second, MaxRemembered: 4_000_000, MaxWaiters: 100_000,
		Patience: 10 * second, MaxBackdate: second / 10, TickInterval: second,
		MaxImplicit: 10_000, ImplicitTTL: 7 * 24 * 3600 * second,
		MaxLimits: 2_000_000, MaxLeases: 2_000_000,
	}
}

// fields lists the settings in the order of their encoding, which only grows.
func (s *Settings) fields() [11]*int64 {
	return [...]*int64{
		&s.DefaultTTL, &s.Remember, &s.MaxRemembered, &s.MaxWaiters, &s.Patience, &s.MaxBackdate,
		&s.TickInterval, &s.MaxImplicit, &s.ImplicitTTL, &s.MaxLimits, &s.MaxLeases,
	}
}

// EncodeSettings writes s.
func EncodeSettings(e *Encoder, s Settings) {
	for _, f := range s.fields() {
		e.Int(*f)
	}
}

// DecodeSettings reads what EncodeSettings wrote.
func DecodeSettings(d *Decoder) (s Settings) {
	for _, f := range s.fields() {
		*f = d.Int()
	}
	return s
}

// Genesis is the first record of a cluster: who it is, and its first settings.
type Genesis struct {
	ClusterID [16]byte
	Settings  Settings
	Rules     uint64
}

// Kind returns KindGenesis.
func (*Genesis) Kind() Kind { return KindGenesis }

func (g *Genesis) encode(e *Encoder) {
	e.Fixed(g.ClusterID[:])
	EncodeSettings(e, g.Settings)
	e.Uint(g.Rules)
}

func (g *Genesis) decode(d *Decoder) {
	d.Fixed(g.ClusterID[:])
	g.Settings, g.Rules = DecodeSettings(d), d.Uint()
}

// Tick moves cluster time on, so that what is due is played.
type Tick struct{}

// Kind returns KindTick.
func (*Tick) Kind() Kind      { return KindTick }
func (*Tick) encode(*Encoder) {}
func (*Tick) decode(*Decoder) {}

// Read gives linearizable reads their place in the log (semantics.md section 7).
type Read struct{}

// Kind returns KindRead.
func (*Read) Kind() Kind      { return KindRead }
func (*Read) encode(*Encoder) {}
func (*Read) decode(*Decoder) {}

// Verify makes every node take the digest of its state at this record.
type Verify struct{}

// Kind returns KindVerify.
func (*Verify) Kind() Kind      { return KindVerify }
func (*Verify) encode(*Encoder) {}
func (*Verify) decode(*Decoder) {}

// UpdateSettings changes the replicated settings that are set here.
type UpdateSettings struct {
	// Set holds, by the position of Settings' fields, what changes.
	Set []SettingChange
}

// SettingChange is a new value for one setting.
type SettingChange struct {
	Setting SettingID
	Value   int64
}

// SettingID names a replicated setting by its place in Settings.
type SettingID uint8

// The settings, in the order of Settings' fields.
const (
	SettingDefaultTTL SettingID = iota
	SettingRemember
	SettingMaxRemembered
	SettingMaxWaiters
	SettingPatience
	SettingMaxBackdate
	SettingTickInterval
	SettingMaxImplicit
	SettingImplicitTTL
	SettingMaxLimits
	SettingMaxLeases
)

// With returns s with the changes made.
func (s Settings) With(changes []SettingChange) Settings {
	for _, c := range changes {
		*s.fields()[c.Setting] = c.Value
	}
	return s
}

// Kind returns KindUpdateSettings.
func (*UpdateSettings) Kind() Kind { return KindUpdateSettings }

func (u *UpdateSettings) encode(e *Encoder) {
	encodeList(e, u.Set, func(e *Encoder, c SettingChange) { e.Byte(byte(c.Setting)); e.Int(c.Value) })
}

func (u *UpdateSettings) decode(d *Decoder) {
	u.Set = decodeList(d, func(d *Decoder) SettingChange {
		return SettingChange{Setting: SettingID(d.Enum(byte(SettingMaxLeases))), Value: d.Int()}
	})
}

// SetRules brings a rules version into force.
type SetRules struct{ Version uint64 }

// Kind returns KindSetRules.
func (*SetRules) Kind() Kind { return KindSetRules }

func (s *SetRules) encode(e *Encoder) { e.Uint(s.Version) }
func (s *SetRules) decode(d *Decoder) { s.Version = d.Uint() }

// EndQuarantine is an operator's word that no holder of before the last restore
// is at work any more (semantics.md S8).
type EndQuarantine struct{}

// Kind returns KindEndQuarantine.
func (*EndQuarantine) Kind() Kind      { return KindEndQuarantine }
func (*EndQuarantine) encode(*Encoder) {}
func (*EndQuarantine) decode(*Decoder) {}

// Done answers what has nothing to say: tick, read, verify, genesis, interest,
// part, delete, force-release, rules, the end of a quarantine.
type Done struct{ Replayed bool }

func (r *Done) resultKind() resultKind { return resultDone }
func (r *Done) encode(e *Encoder)      { e.Bool(r.Replayed) }
func (r *Done) decode(d *Decoder)      { r.Replayed = d.Bool() }

// SettingsNow answers a change of the replicated settings: all of them, after it.
type SettingsNow struct{ Settings Settings }

func (r *SettingsNow) resultKind() resultKind { return resultSettings }
func (r *SettingsNow) encode(e *Encoder)      { EncodeSettings(e, r.Settings) }
func (r *SettingsNow) decode(d *Decoder)      { r.Settings = DecodeSettings(d) }

// NotRun answers a record that had no effect at all and is to be proposed
// again by its node: its stamp is of another term, or the record's budget of
// events was used up before its operation came to its turn.
type NotRun struct {
	WrongTerm bool
}

func (r *NotRun) resultKind() resultKind { return resultNotRun }
func (r *NotRun) encode(e *Encoder)      { e.Bool(r.WrongTerm) }
func (r *NotRun) decode(d *Decoder)      { r.WrongTerm = d.Bool() }
