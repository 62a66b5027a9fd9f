package lax_test

import (
	"encoding/json"
	"math"
	"regexp"
	"testing"

	"github.com/limitd/limitd/transport/prefect/lax"
)

// What a real server answers to most of these is in ../testdata/recorded.json;
// here is what it takes for what.

func TestInt(t *testing.T) {
	for text, want := range map[string]int64{
		`3`: 3, `3.0`: 3, `"3"`: 3, `" 3 "`: 3, `"3.0"`: 3, `"+3"`: 3, `"1_0.0"`: 10, `-0`: 0, `true`: 1, `false`: 0, `3e0`: 3,
		`9007199254740991`: 1<<53 - 1,
	} {
		form := lax.Parameters([]byte(`{"n":` + text + `}`))
		if n := form.Int("n", lax.Required); n == nil || *n != want || len(form.Faults()) > 0 {
			t.Errorf("%s is read as %v, %+v", text, n, form.Faults())
		}
	}
	for text, kind := range map[string]string{
		`3.5`: "int_from_float", `"x"`: "int_parsing", `"3.5"`: "int_parsing", `"3."`: "int_parsing", `""`: "int_parsing", `[]`: "int_type", `{}`: "int_type",
		`9007199254740992`: "less_than_equal", `1e999`: "less_than_equal", `-1e999`: "greater_than", `0`: "greater_than", `null`: "missing",
	} {
		form := lax.Parameters([]byte(`{"n":` + text + `}`))
		form.Int("n", lax.Required, lax.Above(0))
		only(t, text, form, kind)
	}
}

// only fails the test unless the form has one fault, of that kind.
func only(t *testing.T, text string, form *lax.Object, kind string) {
	t.Helper()
	if faults := form.Faults(); len(faults) != 1 || faults[0].Type != kind {
		t.Errorf("%s: %+v, want one of type %s", text, faults, kind)
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]lax.Number{
		`0.5`: {"0.5", 0.5}, `"0.5"`: {"0.5", 0.5}, `" 1e-5"`: {"1e-5", 1e-5}, `true`: {"1", 1}, `false`: {"0", 0}, `7`: {"7", 7},
		`"1_0.2_5"`: {"10.25", 10.25}, `-0.0`: {"0", 0}, `"-1e-400"`: {"0", 0}, `"inf"`: {"inf", math.Inf(1)}, `1e999`: {"1e999", math.Inf(1)},
	} {
		form := lax.Parameters([]byte(`{"n":` + text + `}`))
		if n := form.Number("n", lax.Required); n == nil || *n != want || len(form.Faults()) > 0 {
			t.Errorf("%s is read as %v, %+v", text, n, form.Faults())
		}
	}
	for text, kind := range map[string]string{
		`"x"`: "float_parsing", `"0x10"`: "float_parsing", `"1__0"`: "float_parsing", `[]`: "float_type",
		`"nan"`: "greater_than_equal", `"-inf"`: "greater_than_equal", `-1`: "greater_than_equal",
	} {
		form := lax.Parameters([]byte(`{"n":` + text + `}`))
		form.Number("n", lax.Required, lax.AtLeast(0))
		only(t, text, form, kind)
	}
}

func TestBool(t *testing.T) {
	for text, want := range map[string]bool{
		`true`: true, `1`: true, `1.0`: true, `0.1e1`: true, `"1"`: true, `"On"`: true, `"t"`: true, `"TRUE"`: true, `"y"`: true, `"yes"`: true,
		`false`: false, `0`: false, `0.0`: false, `-0`: false, `-0.0`: false, `"0"`: false, `"off"`: false, `"f"`: false, `"false"`: false, `"n"`: false, `"No"`: false,
	} {
		form := lax.Parameters([]byte(`{"b":` + text + `}`))
		if b := form.Bool("b", lax.Required); b == nil || *b != want || len(form.Faults()) > 0 {
			t.Errorf("%s is read as %v, %+v", text, b, form.Faults())
		}
	}
	for text, kind := range map[string]string{`2`: "bool_parsing", `1.5`: "bool_type", `1e999`: "bool_type", `"maybe"`: "bool_parsing", `""`: "bool_parsing", `[]`: "bool_type"} {
		form := lax.Parameters([]byte(`{"b":` + text + `}`))
		form.Bool("b", lax.Required)
		only(t, text, form, kind)
	}
}

func TestUUID(t *testing.T) {
	want := [16]byte{1, 0x8f, 15: 0x0a}
	for _, text := range []string{
		"018f0000-0000-0000-0000-00000000000a", "018F0000-0000-0000-0000-00000000000A", "018f000000000000000000000000000a",
		"{018f0000-0000-0000-0000-00000000000a}", "urn:uuid:018f0000-0000-0000-0000-00000000000a",
	} {
		if id, why := lax.ParseUUID(text); id != want || why != "" {
			t.Errorf("%s is read as %x, %q", text, id, why)
		}
	}
}

// Of a name that is given twice the last one counts.
func TestTwice(t *testing.T) {
	form := lax.Model([]byte(`{"a":1,"b":2,"a":3,"c":4}`))
	if a := form.Int("a", lax.Optional); a == nil || *a != 3 {
		t.Errorf("a is %v", a)
	}
	form.Int("b", lax.Optional)
	only(t, "an unknown field", form, "extra_forbidden")
	form.Faults()
	only(t, "told once", form, "extra_forbidden")
}

// FuzzObject: whatever comes is read or told, without a panic, and the faults can
// be written.
func FuzzObject(f *testing.F) {
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"a":1}`, `{"a":"1","l":["x",1],"o":{"a":1,"z":2},"u":"018f","w":"one"}`, `{"a":`, `{"a":1e400}`, `{} x`, " ", "\xef\xbb\xbf{}", "\xff\xfe{\x00}\x00", "\x00\x00\x00{\x00\x00\x00}", "\xfe\xff\xd8",
		`{"a":null,"l":null,"o":null,"u":null,"w":null,"t":null,"b":null,"n":null}`, "{\"t\":\"\xff\"}",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		body, err := lax.Text(body)
		if err != nil {
			return
		}
		for _, form := range []*lax.Object{lax.Parameters(body, "a", "l"), lax.Model(body)} {
			n := form.Int("a", lax.Required, lax.AtLeast(0))
			form.Number("n", lax.Nullable)
			form.Texts("l", lax.Required)
			form.Bool("b", lax.Optional)
			form.Text("t", lax.Nullable, regexp.MustCompile(`^x`))
			form.Word("w", lax.Optional, "one", "two")
			form.UUID("u", lax.Optional)
			if inner := form.Model("o", lax.Optional); inner != nil {
				inner.Int("a", lax.Required)
				inner.Faults()
			}
			faults := form.Faults()
			if len(faults) > 0 && faults[0].Type == "json_invalid" && (faults[0].Ctx["error"] == "" || json.Valid(body)) {
				t.Errorf("%q: no JSON, for no reason", body)
			}
			if len(faults) == 0 && (n == nil || *n < 0) {
				t.Errorf("%q: no fault, and no number: %v", body, n)
			}
			if _, err := json.Marshal(faults); err != nil {
				t.Errorf("%q: the faults cannot be written: %v", body, err)
			}
		}
	})
}
