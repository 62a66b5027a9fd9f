package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "90s", 250 * time.Millisecond: "0.25s", time.Nanosecond: "0.000000001s",
		-1500 * time.Millisecond: "-1.5s", 24 * time.Hour: "86400s", math.MaxInt64: "9223372036.854775807s",
		math.MinInt64: "-9223372036.854775808s", 1_000_000_001: "1.000000001s",
	} {
		if got := wire.Duration(d).String(); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
		var back wire.Duration
		if err := json.Unmarshal([]byte(`"`+want+`"`), &back); err != nil || back != wire.Duration(d) {
			t.Errorf("%s is read as %d: %v", want, back, err)
		}
	}
	var d wire.Duration
	if err := json.Unmarshal([]byte(`"1m30s"`), &d); err != nil || d.String() != "90s" {
		t.Error(d, err)
	}
	for _, wrong := range []string{`90`, `"90"`, `null1`, `"x"`, `{}`} {
		if err := json.Unmarshal([]byte(wrong), &d); err == nil {
			t.Errorf("%s is read", wrong)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, ns := range []int64{0, 1, -1, 90e9, 123456789, math.MinInt64, math.MaxInt64} {
		f.Add(ns)
	}
	f.Fuzz(func(t *testing.T, ns int64) {
		back, err := time.ParseDuration(wire.Duration(ns).String())
		if err != nil || int64(back) != ns {
			t.Errorf("%d is written %s and read as %d: %v", ns, wire.Duration(ns), back, err)
		}
	})
}

func TestCodes(t *testing.T) {
	seen := map[wire.Code]bool{}
	last := 0
	for _, c := range wire.Codes() {
		if seen[c.Code] || http.StatusText(c.Status) == "" || c.Title == "" || (c.Effect != wire.EffectNone && c.Effect != wire.EffectUnknown) {
			t.Errorf("%+v", c)
		}
		if seen[c.Code] = true; c.Code.Info() != c {
			t.Errorf("%s: Info differs from its row", c.Code)
		}
		if (c.Status == http.StatusServiceUnavailable) != (c.After > 0) {
			t.Errorf("%s: Retry-After goes with 503", c.Code)
		}
		if c.Effect == wire.EffectUnknown && c.Retry != wire.RetrySameID {
			t.Errorf("%s: an unknown effect must be asked for again", c.Code)
		}
		if c.Status < last {
			t.Errorf("%s is out of order", c.Code)
		}
		last = c.Status
	}
	if got := wire.Code("novel").Info(); got.Code != "novel" || got.Status != 500 || got.Effect != wire.EffectUnknown {
		t.Errorf("%+v", got)
	}
}

func TestProblemIsAnError(t *testing.T) {
	p := wire.NewProblem(wire.CodeLimitNotFound, `no limit named "x"`)
	p.Hint = "create it"
	p.Errors = []wire.FieldError{{Field: "a", Detail: "b"}}
	err := fmt.Errorf("acquire: %w", p)
	var back *wire.Problem
	if !errors.Is(err, wire.CodeLimitNotFound) || errors.Is(err, wire.CodeDenied) || !errors.As(err, &back) {
		t.Error("the problem is not recognized")
	}
	if got := err.Error(); got != `acquire: limit_not_found: no limit named "x"; a: b (create it)` {
		t.Error(got)
	}
}

// The bodies that write themselves are what encoding/json makes of them.
func TestAppendJSON(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123).UTC()
	for _, v := range []interface{ AppendJSON([]byte) []byte }{
		&wire.Grant{Limits: []wire.GrantedLimit{}, Skipped: []string{}},
		&wire.Grant{
			Granted: true, ID: "a", Token: 1 << 52, TTL: 60e9, Waited: 1, ExpiresIn: 59e9, GrantedAt: at, ExpiresAt: at.Add(time.Minute),
			Limits: []wire.GrantedLimit{
				{ID: "u", Name: "a \"\\\x01 \u2028 é 🎉\t", Slots: 2, Mode: "concurrency", Counted: true, Ordinals: []uint32{0, 3}},
				{Name: "y", WouldDeny: true},
			},
			Skipped: []string{"p", "q"}, Replayed: true,
		},
		&wire.Waiting{BlockedBy: []wire.Blocker{}},
		&wire.Waiting{State: "waiting", ID: "b", Position: 3, EstimatedWait: wire.Duration(0).Ptr(), Quarantine: wire.Duration(5e9).Ptr(), BlockedBy: []wire.Blocker{{Name: "x", Slots: 1, Occupied: 2, Ahead: 3}, {}}},
		&wire.Released{}, &wire.Released{Released: true, Replayed: true}, &wire.Released{Reason: "expired"},
		&wire.Cancelled{}, &wire.Cancelled{Cancelled: true, Replayed: true},
		&wire.Renewed{Leases: []wire.RenewedLease{}},
		&wire.Renewed{Leases: []wire.RenewedLease{{Token: 1, ID: "a", State: "held", ExpiresIn: 5}, {Token: 2, State: "gone"}, {ID: "x", State: "waiting"}}},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(v.AppendJSON(nil), &a); err != nil {
			t.Errorf("%s: %v", v.AppendJSON(nil), err)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("appended %s\nmarshaled %s", v.AppendJSON(nil), want)
		}
	}
}

func TestChecks(t *testing.T) {
	for name, ok := range map[string]bool{
		"db": true, "a b?": true, "größe": true, strings.Repeat("x", 255): true, "...": true,
		"": false, ".": false, "..": false, "a/b": false, "a%b": false, "a&b": false, "a<b": false, "a>b": false,
		"a\nb": false, "a\u0085": false, "\xff": false, strings.Repeat("x", 256): false,
	} {
		if (wire.CheckName(name) == "") != ok {
			t.Errorf("name %q: %q", name, wire.CheckName(name))
		}
	}
	for id, ok := range map[string]bool{
		"a": true, "0": true, "a_.:-Z9": true, strings.Repeat("x", 64): true,
		"": false, "-a": false, ".a": false, "a b": false, "k/a": false, "é": false, strings.Repeat("x", 65): false,
	} {
		if (wire.CheckID(id) == "") != ok {
			t.Errorf("id %q: %q", id, wire.CheckID(id))
		}
	}
}

// A client of limitd pulls in nothing but the standard library.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "github.com/limitd/limitd/transport/wire" {
		t.Errorf("wire depends on %s", got)
	}
}
