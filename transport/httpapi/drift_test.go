package httpapi_test

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi"
	"github.com/limitd/limitd/transport/wire"
)

// The description, the table of routes, the wire types and the decoders say
// the same.

func TestEveryRouteIsDescribed(t *testing.T) {
	k := loadContract(t)
	var described []string
	for pattern, item := range k.doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+pattern)
		}
	}
	routes := httpapi.RouteNames()
	slices.Sort(routes)
	slices.Sort(described)
	if d := cmp.Diff(described, routes); d != "" {
		t.Errorf("openapi.yaml (-) and the table of routes (+) differ:\n%s", d)
	}
}

func TestEveryQueryParameterIsDescribed(t *testing.T) {
	k := loadContract(t)
	for _, route := range httpapi.RouteNames() {
		method, pattern, _ := strings.Cut(route, " ")
		var described []string
		for _, p := range k.doc.Paths.Value(pattern).GetOperation(method).Parameters {
			if p.Value.In == "query" {
				described = append(described, p.Value.Name)
			}
		}
		known := slices.Clone(httpapi.Query(route))
		slices.Sort(known)
		slices.Sort(described)
		if !slices.Equal(known, described) {
			t.Errorf("%s: knows %v, described are %v", route, known, described)
		}
	}
}

func TestWireTypesAreDescribed(t *testing.T) {
	k := loadContract(t)
	for _, v := range []any{
		wire.AcquireRequest{},
		wire.Entry{},
		wire.Grant{},
		wire.GrantedLimit{},
		wire.Waiting{},
		wire.Blocker{},
		wire.AcquireStatus{},
		wire.ReleaseRequest{},
		wire.Released{},
		wire.RenewRequest{},
		wire.Renewed{},
		wire.RenewedLease{},
		wire.CancelRequest{},
		wire.Cancelled{},
		wire.Lease{},
		wire.Leases{},
		wire.BatchRequest{},
		wire.Operation{},
		wire.Batch{},
		wire.Result{},
		wire.Limit{},
		wire.LimitStatus{},
		wire.LimitRequest{},
		wire.LimitPatch{},
		wire.Limits{},
		wire.Freed{},
		wire.Owner{},
		wire.Holder{},
		wire.Holders{},
		wire.Waiter{},
		wire.Queue{},
		wire.ExplainRequest{},
		wire.Explanation{},
		wire.ExplainedLimit{},
		wire.Cluster{},
		wire.Node{},
		wire.Verification{},
		wire.TransferRequest{},
		wire.RoleRequest{},
		wire.Autopilot{},
		wire.AutopilotSettings{},
		wire.NodeHealth{},
		wire.Outsider{},
		wire.Settings{},
		wire.SettingsPatch{},
		wire.ACLRule{},
		wire.ACLPolicyRequest{},
		wire.ACLPolicy{},
		wire.ACLPolicies{},
		wire.ACLBootstrapRequest{},
		wire.ACLTokenRequest{},
		wire.ACLRotateRequest{},
		wire.ACLToken{},
		wire.NewACLToken{},
		wire.ACLTokens{},
		wire.ACLSelf{},
		wire.Version{},
		wire.Problem{},
		wire.FieldError{},
	} {
		typ := reflect.TypeOf(v)
		schema := k.doc.Components.Schemas[typ.Name()]
		if schema == nil {
			t.Errorf("%s is not described", typ.Name())
			continue
		}
		checkFields(t, typ, schema.Value)
	}
}

// checkFields compares the JSON fields of a type with a schema's properties,
// without those that a request may carry but that are ignored.
func checkFields(t *testing.T, typ reflect.Type, schema *openapi3.Schema) {
	var fields, described []string
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		fields = append(fields, name)
		if required := slices.Contains(schema.Required, name); required && strings.Contains(options, "omit") {
			t.Errorf("%s.%s is required, but may be left out", typ.Name(), name)
		}
	}
	for name, p := range schema.Properties {
		if !isIgnored(p) {
			described = append(described, name)
		}
	}
	slices.Sort(fields)
	slices.Sort(described)
	if d := cmp.Diff(described, fields); d != "" {
		t.Errorf("%s: openapi.yaml (-) and wire (+) differ:\n%s", typ.Name(), d)
	}
}

func isIgnored(p *openapi3.SchemaRef) bool { return strings.HasSuffix(p.Ref, "/Ignored") }

func TestCodesAreDescribed(t *testing.T) {
	k := loadContract(t)
	var described, known []string
	for _, v := range k.doc.Components.Schemas["Code"].Value.Enum {
		described = append(described, v.(string))
	}
	for _, c := range wire.Codes() {
		known = append(known, string(c.Code))
	}
	slices.Sort(known)
	slices.Sort(described)
	if d := cmp.Diff(described, known); d != "" {
		t.Error(d)
	}
}

// Every body's decoder names its fields when it meets an unknown one: they are
// the description's.
func TestUnknownFieldsNameTheKnownOnes(t *testing.T) {
	k := loadContract(t)
	for _, route := range httpapi.RouteNames() {
		method, pattern, _ := strings.Cut(route, " ")
		op := k.doc.Paths.Value(pattern).GetOperation(method)
		if op.RequestBody == nil || op.RequestBody.Value.Content[wire.TypeJSON] == nil {
			continue
		}
		schema := op.RequestBody.Value.Content[wire.TypeJSON].Schema.Value
		if len(schema.AllOf) > 0 {
			schema = schema.AllOf[0].Value
		}
		c := newCaller(t)
		path := strings.NewReplacer("{name}", "db", "{id}", "a", "{token}", "1").Replace(pattern)
		if strings.HasPrefix(path, "/v1/acl/") {
			c = newGuarded(t)
		}
		p := c.do(method, path, `{"zzz":1}`).must(400).refuses(wire.CodeInvalidRequest)
		i := slices.IndexFunc(p.Errors, func(e wire.FieldError) bool { return e.Field == "zzz" })
		if i < 0 {
			t.Errorf("%s: the unknown field is not named: %+v", route, p)
			continue
		}
		_, list, _ := strings.Cut(p.Errors[i].Detail, "known are ")
		known := strings.Split(list, ", ")
		if list == "none" {
			known = nil
		}
		described := maps.Keys(schema.Properties)
		for name := range described {
			if !slices.Contains(known, name) && !isIgnored(schema.Properties[name]) {
				t.Errorf("%s: %s is described, but not told: %v", route, name, known)
			}
		}
		for _, name := range known {
			if schema.Properties[name] == nil {
				t.Errorf("%s: %s is told, but not described", route, name)
			}
		}
	}
}

func TestSettingBoundsAreTheStateMachines(t *testing.T) {
	for i, s := range wire.SettingList() {
		id := command.SettingID(i)
		for v, ok := range map[int64]bool{s.Min - 1: false, s.Min: true, s.Max: true, s.Max + 1: false} {
			if err := limit.CheckSetting(id, v); (err == nil) != ok {
				t.Errorf("%s = %d: %v", s.Name, v, err)
			}
		}
	}
}

func TestBoundsAreTheStateMachines(t *testing.T) {
	for name, pair := range map[string][2]time.Duration{
		"wait": {wire.MaxWait, time.Duration(limit.MaxWait)}, "min ttl": {wire.MinTTL, time.Duration(limit.MinTTL)},
		"max ttl": {wire.MaxTTL, time.Duration(limit.MaxTTL)}, "linger": {wire.MaxLinger, time.Duration(limit.MaxLinger)},
		"default linger": {wire.DefaultLinger, time.Duration(limit.DefaultLinger)}, "grace": {wire.MaxGrace, time.Duration(limit.MaxGrace)},
		"entries": {wire.MaxLimits, command.MaxEntries}, "ordinals": {wire.MaxOrdinals, command.MaxNumbered}, "slots": {wire.MaxInteger, command.MaxSlots},
		"rules": {wire.MaxRules, command.MaxACLRules}, "policies": {wire.MaxTokenPolicies, command.MaxTokenGrants}, "acl name": {wire.MaxID, command.MaxACLName},
		"token ttl": {wire.MaxTokenTTL, time.Duration(acl.MaxTTL)}, "keep": {wire.MaxKeep, time.Duration(acl.MaxKeep)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v in wire, %v in the state machine", name, pair[0], pair[1])
		}
	}
}

func FuzzNamesAreJudgedAlike(f *testing.F) {
	for _, name := range []string{"", "db", ".", "..", "a/b", "a%b", "ä b?", "a\x00", "a\u0085", "\xff", "<", ">", "&", strings.Repeat("x", 256)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if (wire.CheckName(name) == "") != (limit.CheckName(name) == nil) {
			t.Errorf("%q: wire says %q, the state machine %v", name, wire.CheckName(name), limit.CheckName(name))
		}
	})
}

func TestOpenAPIIsServed(t *testing.T) {
	c := newCaller(t)
	a := c.get("/v1/openapi.yaml").must(http.StatusOK)
	if !strings.HasPrefix(string(a.body), "openapi: 3.1.0") {
		t.Errorf("%.40s", a.body)
	}
}
