package wire

import "time"

// Verbs of a rule. Each allows what those before it allow.
const (
	VerbRead     = "read"     // look at limits, their holders and queues
	VerbAcquire  = "acquire"  // acquire, renew, release, cancel
	VerbManage   = "manage"   // make, change, delete and reset limits, release the leases of others
	VerbOperator = "operator" // the cluster itself, with its tokens and policies
)

// Bounds of tokens and policies.
const (
	MaxRules         = 64 // rules of one policy
	MaxTokenPolicies = 16 // policies of one token
	MinTokenTTL      = time.Second
	MaxTokenTTL      = 3650 * 24 * time.Hour
	MaxKeep          = 30 * 24 * time.Hour
)

// ACLRule allows a verb on limits.
type ACLRule struct {
	Verb  string `json:"verb"`
	Limit string `json:"limit,omitempty"` // a name, or with a * at its end what names begin with; of VerbOperator: none
}

// ACLPolicyRequest is the body of PUT /v1/acl/policies/{name}.
type ACLPolicyRequest struct {
	Rules []ACLRule `json:"rules"`
}

// ACLPolicy is a policy.
type ACLPolicy struct {
	Name      string     `json:"name"`
	Rules     []ACLRule  `json:"rules"`
	BuiltIn   bool       `json:"built_in"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"` // absent where it is built in
	Replayed  bool       `json:"replayed,omitempty"`
}

// ACLPolicies is the 200 of GET /v1/acl/policies.
type ACLPolicies struct {
	Policies      []ACLPolicy `json:"policies"`
	NextPageToken string      `json:"next_page_token"`
}

// ACLBootstrapRequest is the body of POST /v1/acl/bootstrap, which may be left out.
type ACLBootstrapRequest struct {
	Secret string `json:"secret,omitempty"` // made by the caller; "": by the node
}

// ACLTokenRequest is the body of POST /v1/acl/tokens.
type ACLTokenRequest struct {
	Name     string   `json:"name"`
	Policies []string `json:"policies"`
	TTL      Duration `json:"ttl,omitempty"`    // until it expires; 0: it does not
	Secret   string   `json:"secret,omitempty"` // made by the caller; "": by the node
}

// ACLRotateRequest is the body of POST /v1/acl/tokens/{name}/rotate.
type ACLRotateRequest struct {
	Keep   Duration `json:"keep,omitempty"`   // how long the secret of before is good
	Secret string   `json:"secret,omitempty"` // made by the caller; "": by the node
}

// ACLToken is a token that callers show.
type ACLToken struct {
	Name      string     `json:"name"`
	Policies  []string   `json:"policies"`
	CreatedBy string     `json:"created_by"` // the name of a token; "": the first one has none
	CreatedAt time.Time  `json:"created_at"`
	RotatedAt *time.Time `json:"rotated_at,omitempty"`
	ExpiresIn *Duration  `json:"expires_in,omitempty"` // of cluster time, 0 where it has expired; absent: never
	KeptFor   *Duration  `json:"kept_for,omitempty"`   // how long the secret before the last rotation is good
	Replayed  bool       `json:"replayed,omitempty"`
}

// NewACLToken is a token with its secret, which is told this once.
type NewACLToken struct {
	Secret string   `json:"secret"`
	Token  ACLToken `json:"token"`
}

// ACLTokens is the 200 of GET /v1/acl/tokens.
type ACLTokens struct {
	Tokens        []ACLToken `json:"tokens"`
	NextPageToken string     `json:"next_page_token"`
}

// ACLSelf is the 200 of GET /v1/acl/self: what the caller may do.
type ACLSelf struct {
	Name     string    `json:"name"` // of the token; "": none was shown
	Policies []string  `json:"policies"`
	Rules    []ACLRule `json:"rules"`
	// ExpiresIn is of cluster time; absent: never.
	ExpiresIn *Duration `json:"expires_in,omitempty"`
}
