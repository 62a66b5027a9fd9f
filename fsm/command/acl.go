package command

// Verb is what a policy allows. Each allows what those before it allow.
type Verb uint8

// The verbs, from the least to the most.
const (
	VerbRead     Verb = iota // look at limits, their holders and queues
	VerbAcquire              // acquire, renew, release, cancel
	VerbManage               // make, change, delete and reset limits, release the leases of others
	VerbOperator             // the cluster itself: members, settings, snapshots, tokens and policies
	VerbLast     = VerbOperator
)

// String returns the verb's name, as policies and problems write it.
func (v Verb) String() string { return [...]string{"read", "acquire", "manage", "operator"}[v] }

// Bounds of tokens and policies. What a cluster holds of them is small, so that
// reading and copying them costs nothing beside limits and leases.
const (
	MaxACLName     = 64 // bytes of a name
	MaxACLTokens   = 10_000
	MaxACLPolicies = 1_000
	MaxACLRules    = 64 // of one policy
	MaxTokenGrants = 16 // policies of one token
)

// Rule allows one verb on the limits that it names. VerbOperator is about no
// limit in particular: its rule names all of them.
type Rule struct {
	Verb   Verb
	Limit  string // a limit's name; with Prefix what the names begin with
	Prefix bool
}

func encodeRule(e *Encoder, r Rule) { e.Byte(byte(r.Verb)); e.String(r.Limit); e.Bool(r.Prefix) }

func decodeRule(d *Decoder) Rule {
	return Rule{Verb: Verb(d.Enum(byte(VerbLast))), Limit: d.String(), Prefix: d.Bool()}
}

// EncodeRules writes the rules of a policy.
func EncodeRules(e *Encoder, rules []Rule) { encodeList(e, rules, encodeRule) }

// DecodeRules reads what EncodeRules wrote.
func DecodeRules(d *Decoder) []Rule { return decodeList(d, decodeRule) }

// PutACLPolicy makes a policy, or replaces its rules; those who have it are
// judged by the new ones from then on.
type PutACLPolicy struct {
	Name  string
	Rules []Rule
}

// Kind returns KindPutACLPolicy.
func (*PutACLPolicy) Kind() Kind { return KindPutACLPolicy }

func (p *PutACLPolicy) encode(e *Encoder) { e.String(p.Name); EncodeRules(e, p.Rules) }
func (p *PutACLPolicy) decode(d *Decoder) { p.Name, p.Rules = d.String(), DecodeRules(d) }

// DeleteACLPolicy removes a policy that no token has.
type DeleteACLPolicy struct{ Name string }

// Kind returns KindDeleteACLPolicy.
func (*DeleteACLPolicy) Kind() Kind { return KindDeleteACLPolicy }

func (p *DeleteACLPolicy) encode(e *Encoder) { e.String(p.Name) }
func (p *DeleteACLPolicy) decode(d *Decoder) { p.Name = d.String() }

// CreateACLToken makes a token. Of its secret the log knows the SHA-256 alone.
type CreateACLToken struct {
	Name     string
	Hash     [32]byte
	Policies []string
	TTL      int64  // ns of cluster time until it expires; 0: it does not
	By       string // the token under which it was asked for, as the accepting node checked it
}

// Kind returns KindCreateACLToken.
func (*CreateACLToken) Kind() Kind { return KindCreateACLToken }

func (t *CreateACLToken) encode(e *Encoder) {
	e.String(t.Name)
	e.Fixed(t.Hash[:])
	encodeList(e, t.Policies, (*Encoder).String)
	e.Int(t.TTL)
	e.String(t.By)
}

func (t *CreateACLToken) decode(d *Decoder) {
	t.Name = d.String()
	d.Fixed(t.Hash[:])
	t.Policies, t.TTL, t.By = decodeList(d, (*Decoder).String), d.Int(), d.String()
}

// RotateACLToken gives a token another secret. The one before is good for Keep
// longer, so that it can be replaced where it is used.
type RotateACLToken struct {
	Name string
	Hash [32]byte
	Keep int64 // ns of cluster time
}

// Kind returns KindRotateACLToken.
func (*RotateACLToken) Kind() Kind { return KindRotateACLToken }

func (t *RotateACLToken) encode(e *Encoder) { e.String(t.Name); e.Fixed(t.Hash[:]); e.Int(t.Keep) }

func (t *RotateACLToken) decode(d *Decoder) {
	t.Name = d.String()
	d.Fixed(t.Hash[:])
	t.Keep = d.Int()
}

// DeleteACLToken removes a token at once.
type DeleteACLToken struct{ Name string }

// Kind returns KindDeleteACLToken.
func (*DeleteACLToken) Kind() Kind { return KindDeleteACLToken }

func (t *DeleteACLToken) encode(e *Encoder) { e.String(t.Name) }
func (t *DeleteACLToken) decode(d *Decoder) { t.Name = d.String() }

// BootstrapACL makes the first token, which may do everything. Once it was
// made, only who knows the index of that record can have it made again.
type BootstrapACL struct {
	Hash  [32]byte
	Reset uint64 // the index of the last bootstrap; 0: this is to be the first
}

// Kind returns KindBootstrapACL.
func (*BootstrapACL) Kind() Kind { return KindBootstrapACL }

func (b *BootstrapACL) encode(e *Encoder) { e.Fixed(b.Hash[:]); e.Uint(b.Reset) }
func (b *BootstrapACL) decode(d *Decoder) { d.Fixed(b.Hash[:]); b.Reset = d.Uint() }

// ACLPolicy answers a PutACLPolicy, and is a policy as it is read.
type ACLPolicy struct {
	Name        string
	Rules       []Rule
	UpdatedWall int64 // unix ns, for display; 0: it is built in
	Created     bool  // the record made it
	Replayed    bool
}

func (p *ACLPolicy) resultKind() resultKind { return resultACLPolicy }

func (p *ACLPolicy) encode(e *Encoder) {
	e.String(p.Name)
	EncodeRules(e, p.Rules)
	e.Int(p.UpdatedWall)
	e.Bool(p.Created)
	e.Bool(p.Replayed)
}

func (p *ACLPolicy) decode(d *Decoder) {
	p.Name, p.Rules, p.UpdatedWall = d.String(), DecodeRules(d), d.Int()
	p.Created, p.Replayed = d.Bool(), d.Bool()
}

// ACLToken answers the records that make a token or change its secret, and is a
// token as it is read: all of it but the secret's hash.
type ACLToken struct {
	Name        string
	Policies    []string
	By          string // who made it
	CreatedWall int64  // unix ns, for display
	RotatedWall int64  // unix ns, for display; 0: never
	Expires     int64  // cluster time, ns; 0: never
	OldUntil    int64  // cluster time, ns, until which the secret before is good; 0: there is none
	Replayed    bool
}

func (t *ACLToken) resultKind() resultKind { return resultACLToken }

func (t *ACLToken) encode(e *Encoder) { encodeACLToken(e, t); e.Bool(t.Replayed) }
func (t *ACLToken) decode(d *Decoder) { decodeACLToken(d, t); t.Replayed = d.Bool() }

// EncodeACLToken writes a token as snapshots keep it, without its secret's hash.
func EncodeACLToken(e *Encoder, t ACLToken) { encodeACLToken(e, &t) }

// DecodeACLToken reads what EncodeACLToken wrote.
func DecodeACLToken(d *Decoder) (t ACLToken) {
	decodeACLToken(d, &t)
	return t
}

func encodeACLToken(e *Encoder, t *ACLToken) {
	e.String(t.Name)
	encodeList(e, t.Policies, (*Encoder).String)
	e.String(t.By)
	for _, v := range [...]int64{t.CreatedWall, t.RotatedWall, t.Expires, t.OldUntil} {
		e.Int(v)
	}
}

func decodeACLToken(d *Decoder, t *ACLToken) {
	t.Name, t.Policies, t.By = d.String(), decodeList(d, (*Decoder).String), d.String()
	for _, v := range [...]*int64{&t.CreatedWall, &t.RotatedWall, &t.Expires, &t.OldUntil} {
		*v = d.Int()
	}
}
