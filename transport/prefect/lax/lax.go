// Package lax reads the bodies of requests as Prefect's server reads them: a
// number may be a text, a text may say yes, and what is wrong is told as its
// validation (pydantic, within FastAPI) tells it.
//
// There are two kinds of bodies. Of the parameters of an operation a null is as
// good as nothing, and what is not known is ignored; a model takes a null for a
// value, and refuses what it does not know.
//
//	form, err := lax.Parameters(body, "slots", "names")
//	slots := form.Int("slots", lax.Required, lax.Above(0))
//	names := form.Texts("names", lax.Required)
//	faults := form.Faults()
//
// The values of an object that has faults mean nothing.
package lax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Fault is one thing that is wrong with a request.
type Fault struct {
	Type  string          `json:"type"`
	Loc   []any           `json:"loc"` // where: "body" or "path", then names and places in lists
	Msg   string          `json:"msg"`
	Input json.RawMessage `json:"input"`
	Ctx   map[string]any  `json:"ctx,omitempty"`
}

// Need says whether a field must be there.
type Need uint8

const (
	Required Need = iota
	Optional      // may be left out
	Nullable      // may be left out, or be null
)

// Object is a JSON object that is being read, field by field.
type Object struct {
	at     []any // where it stands
	fields map[string]json.RawMessage
	order  []string // of the fields
	raw    json.RawMessage
	model  bool
	known  []string // of a model: the fields that were asked for
	faults *[]Fault
}

// Parameters reads the body of an operation with these parameters, in the order
// in which their faults are to be told. No body (nil), or a null, is one without
// fields.
func Parameters(body []byte, names ...string) *Object {
	o := newObject(body)
	if o.read() && o.fields == nil {
		for _, name := range names {
			o.fault(name, "missing", "Field required", null, nil)
		}
	}
	return o
}

// Model reads the body of a model. There must be one: nil is none.
func Model(body []byte) *Object {
	o := newObject(body)
	o.model = true
	switch {
	case !o.read():
	case o.isNull():
		o.fields = nil
		o.add(Fault{Type: "missing", Loc: o.at, Msg: "Field required", Input: null})
	case o.fields == nil:
		o.notAnObject()
	}
	return o
}

var null = json.RawMessage("null")

func newObject(body []byte) *Object {
	return &Object{at: []any{"body"}, raw: body, faults: new([]Fault)}
}

// isNull tells whether there is no value, or a null.
func (o *Object) isNull() bool { return o.raw == nil || bytes.Equal(o.raw, null) }

// read takes the value apart. A value other than an object has no fields; false:
// it is no JSON.
func (o *Object) read() bool {
	if o.raw != nil {
		if m := findMistake(o.raw); m != nil {
			o.invalid(m)
			return false
		}
		o.raw = bytes.TrimSpace(o.raw)
	}
	switch {
	case o.isNull():
		o.fields = map[string]json.RawMessage{}
	case o.raw[0] == '{':
		o.split()
	}
	return true
}

// split reads the fields of a valid object; of a name given twice the last counts.
func (o *Object) split() {
	o.fields = map[string]json.RawMessage{}
	in := json.NewDecoder(bytes.NewReader(o.raw))
	_, err := in.Token()
	for err == nil && in.More() {
		var name json.Token
		if name, err = in.Token(); err != nil {
			break
		}
		var value json.RawMessage
		err = in.Decode(&value)
		key, _ := name.(string)
		if _, twice := o.fields[key]; !twice {
			o.order = append(o.order, key)
		}
		o.fields[key] = compact(value)
	}
}

// invalid tells where the body is no JSON.
func (o *Object) invalid(m *mistake) {
	o.add(Fault{
		Type: "json_invalid", Loc: []any{"body", m.at}, Msg: "JSON decode error",
		Input: json.RawMessage("{}"), Ctx: map[string]any{"error": m.why},
	})
}

func (o *Object) notAnObject() {
	o.add(Fault{
		Type: "model_attributes_type", Loc: o.at, Input: compact(o.raw),
		Msg: "Input should be a valid dictionary or object to extract fields from",
	})
}

func compact(raw json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return raw
	}
	return out.Bytes()
}

// Faults returns all that is wrong, in the order of reading; of a model also the
// fields that nobody asked for.
func (o *Object) Faults() []Fault {
	if o.model && o.fields != nil {
		for _, name := range o.order {
			if !slices.Contains(o.known, name) {
				o.fault(name, "extra_forbidden", "Extra inputs are not permitted", o.fields[name], nil)
			}
		}
		o.known = o.order
	}
	return *o.faults
}

// Has tells whether a field is given, a null included.
func (o *Object) Has(name string) bool {
	_, given := o.fields[name]
	return given
}

// IsNull tells whether a field is given as null.
func (o *Object) IsNull(name string) bool { return bytes.Equal(o.fields[name], null) }

// Fail adds a fault of the caller's own about a field.
func (o *Object) Fail(name, why string) {
	o.fault(name, "value_error", "Value error, "+why, o.fields[name], map[string]any{"error": map[string]any{}})
}

// TooLong notes that a list has more items than the most that is taken.
func (o *Object) TooLong(name string, most, have int) {
	o.fault(name, "too_long", fmt.Sprintf("List should have at most %d items after validation, not %d", most, have), o.fields[name],
		map[string]any{"field_type": "List", "max_length": most, "actual_length": have})
}

func (o *Object) add(f Fault) { *o.faults = append(*o.faults, f) }

// fault adds a fault about a field.
func (o *Object) fault(name, kind, msg string, input json.RawMessage, ctx map[string]any) {
	o.add(Fault{Type: kind, Loc: append(slices.Clone(o.at), name), Msg: msg, Input: input, Ctx: ctx})
}

// value returns a field's value; false where there is none to be read.
func (o *Object) value(name string, need Need) (json.RawMessage, bool) {
	if o.model {
		o.known = append(o.known, name)
	}
	if o.fields == nil {
		return nil, false // told already
	}
	raw, given := o.fields[name]
	isNull := bytes.Equal(raw, null)
	switch {
	case given && !isNull, given && o.model && need != Nullable:
		return raw, true
	case need == Required:
		input := null
		if o.model {
			input = compact(o.raw)
		}
		o.fault(name, "missing", "Field required", input, nil)
	}
	return nil, false
}

// Bound is what a number must keep to.
type Bound struct {
	kind, words, sign string
	holds             func(v, bound float64) bool
	value             float64
}

// Above lets numbers pass that are greater than v.
func Above(v float64) Bound {
	return Bound{"greater_than", "greater than", "gt", func(x, y float64) bool { return x > y }, v}
}

// AtLeast lets numbers pass that are v or greater.
func AtLeast(v float64) Bound {
	return Bound{"greater_than_equal", "greater than or equal to", "ge", func(x, y float64) bool { return x >= y }, v}
}

// AtMost lets numbers pass that are v or less.
func AtMost(v float64) Bound {
	return Bound{"less_than_equal", "less than or equal to", "le", func(x, y float64) bool { return x <= y }, v}
}

// check tells the first bound that v breaks; false: there is one. ctx writes a
// bound as the field's type does.
func (o *Object) check(name string, v float64, bounds []Bound, ctx func(float64) json.RawMessage) bool {
	for _, b := range bounds {
		if !b.holds(v, b.value) {
			msg := fmt.Sprintf("Input should be %s %.0f", b.words, b.value)
			o.fault(name, b.kind, msg, o.fields[name], map[string]any{b.sign: ctx(b.value)})
			return false
		}
	}
	return true
}
