package strict_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/httpapi/strict"
)

// walk reads a document of a shape that has one of everything.
func walk(doc string) (got map[string]any, faults []string) {
	var r strict.Reader
	r.Reset([]byte(doc))
	got = map[string]any{}
	if r.Object() {
		for r.Field() {
			switch key := string(r.Key()); key {
			case "text":
				got[key] = r.Text()
			case "int":
				got[key] = r.Int(-5, 1<<53-1)
			case "number":
				got[key] = r.Number()
			case "bool":
				got[key] = r.Bool()
			case "enum":
				got[key] = r.Enum("a", "b")
			case "span":
				got[key] = r.Duration(0, time.Hour)
			case "null":
				got[key] = r.Null()
			case "skip":
				r.Skip()
			case "list":
				list := []string{}
				if r.Array() {
					for r.Item() {
						list = append(list, r.Text())
					}
				}
				got[key] = list
			default:
				r.Unknown("text", "int")
			}
		}
	}
	for _, f := range r.Close() {
		faults = append(faults, f.Field+": "+f.Detail)
	}
	return got, faults
}

func TestReads(t *testing.T) {
	got, faults := walk(` { "text" : "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é" , "int" : -5, "number": -1.5e+10 , "bool":true,
		"enum":"b","span":"1m30s","null":null,"skip":{"a":[1,{"b":[]},"x",true,null],"c":{}},"list":["x","y"] } `)
	want := map[string]any{
		"text": "a\"\\/\b\f\n\r\té😀é", "int": int64(-5), "number": "-1.5e+10", "bool": true, "enum": 1,
		"span": 90 * time.Second, "null": true, "list": []string{"x", "y"},
	}
	if d := cmp.Diff(want, got); d != "" || faults != nil {
		t.Error(d, faults)
	}
}

func TestFaults(t *testing.T) {
	for doc, want := range map[string][]string{
		``:                             {"(body): malformed JSON at byte 0: it ends too soon"},
		`x`:                            {"(body): malformed JSON at byte 0: a value must come here"},
		`[1]`:                          {"(body): must be an object"},
		`{"text":1,"int":"x"}`:         {"text: must be a string", "int: must be a whole number"},
		`{"int":1.0}`:                  {"int: must be a whole number"},
		`{"int":9007199254740992}`:     {"int: must be -5 to 9007199254740991"},
		`{"int":1e99}`:                 {"int: must be a whole number"},
		`{"int":01}`:                   {"int: malformed JSON at byte 8: a comma or '}' must come here"},
		`{"number":-}`:                 {"number: malformed JSON at byte 11: a digit must come here"},
		`{"bool":tru}`:                 {"bool: malformed JSON at byte 8: a value must come here"},
		`{"bool":1,"bool":true}`:       {"bool: must be true or false", "bool: is given twice"},
		`{"list":["a",2,{"b":1},"c"]}`: {"list[1]: must be a string", "list[2]: must be a string"},
		`{"list":["a",]}`:              {"list[1]: malformed JSON at byte 13: a value must come here"},
		`{"enum":"c","span":"2h"}`:     {"enum: must be one of a, b", "span: must be 0s to 3600s"},
		`{"span":"x","nope":[1,2]}`:    {`span: must be a duration such as "90s", "1m30s" or "250ms"`, "nope: unknown field; known are text, int"},
		`{"text":"\x"}`:                {"text: malformed JSON at byte 12: a string has an escape that is none"},
		`{"text":"\ud800x"}`:           {"text: malformed JSON at byte 17: a string has an escape that is none"},
		"{\"text\":\"\xff\"}":          {"text: malformed JSON at byte 10: a string is not valid UTF-8"},
		"{\"text\":\"\n\"}":            {"text: malformed JSON at byte 9: a control character in a string"},
		`{"text":"a`:                   {"text: malformed JSON at byte 10: it ends too soon"},
		`{"text":"a\`:                  {"text: malformed JSON at byte 11: it ends too soon"},
		`{} {}`:                        {"(body): malformed JSON at byte 3: there is more behind its end"},
		`{text:1}`:                     {"(body): malformed JSON at byte 1: a field's name must come here"},
		`{"text" 1}`:                   {"(body): malformed JSON at byte 8: a colon must follow a field's name"},
		`{"skip":{"a" 1}}`:             {"skip: malformed JSON at byte 13: a colon must follow a field's name"},
		`{"skip":{,}}`:                 {"skip: malformed JSON at byte 9: a field's name must come here"},
		`{"skip":[1 2]}`:               {"skip: malformed JSON at byte 11: a comma or ']' must come here"},
	} {
		if _, faults := walk(doc); cmp.Diff(want, faults) != "" {
			t.Errorf("%s: %q, want %q", doc, faults, want)
		}
	}
}

func TestBounds(t *testing.T) {
	deep := `{"skip":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}"
	if _, faults := walk(deep); len(faults) != 1 || !strings.Contains(faults[0], "nested too deeply") {
		t.Error(faults)
	}
	wrong := `{"list":[` + strings.Repeat("1,", 1000) + `1]}`
	if _, faults := walk(wrong); len(faults) != 100 {
		t.Error(len(faults))
	}
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
	}
	if _, faults := walk("{" + b.String()[1:] + "}"); len(faults) != 100 {
		t.Error(len(faults))
	}
}

// What the reader takes, encoding/json takes too, and reads the same.
func FuzzReader(f *testing.F) {
	f.Add(`{"text":"a","int":1,"number":1.5,"bool":true,"enum":"a","span":"1s","null":null,"skip":[{}],"list":["a"]}`)
	f.Add(`{"text":"\ud83d\ude00\u0000\\"}`)
	f.Add(`{"skip":{"a":[1,{"b":[]},"x",true,null],"c":{}}}`)
	f.Add(`{"text":1} x`)
	f.Add("{\"a\xff\":1}")
	f.Add(`{"list":["a",{}],"list":[]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, faults := walk(doc)
		if faults != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatalf("%q is taken, but encoding/json says %v", doc, err)
		}
		if text, ok := got["text"]; ok && text != want["text"] {
			t.Errorf("%q is read as %q, not as %q", doc, text, want["text"])
		}
	})
}
