package lax

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// text returns the string that raw is; false: it is none.
func text(raw json.RawMessage) (s string, ok bool) {
	ok = raw[0] == '"' && json.Unmarshal(raw, &s) == nil
	return s, ok
}

func isNumber(raw json.RawMessage) bool { return raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' }

// wholeText is a text that stands for a whole number. There may be underscores
// between its digits.
var wholeText = regexp.MustCompile(`^([+-]?[0-9]+(?:_[0-9]+)*)(\.0+)?$`)

// decimal returns a text that stands for a number without space around it, and
// without single underscores in it.
func decimal(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") {
		return text // no number
	}
	return strings.ReplaceAll(text, "_", "")
}

const maxInteger = 1<<53 - 1

// Int reads a whole number of at most 2^53-1: 3, 3.0, "3" or true. It returns
// nil where there is none.
func (o *Object) Int(name string, need Need, bounds ...Bound) *int64 {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	number := ""
	switch s, isText := text(raw); {
	case isText:
		whole := wholeText.FindStringSubmatch(strings.TrimSpace(s))
		if whole == nil {
			o.fault(name, "int_parsing", "Input should be a valid integer, unable to parse string as an integer", raw, nil)
			return nil
		}
		number = strings.ReplaceAll(whole[1], "_", "")
	case isNumber(raw):
		number = string(raw)
	case string(raw) == "true":
		number = "1"
	case string(raw) == "false":
		number = "0"
	default:
		o.fault(name, "int_type", "Input should be a valid integer", raw, nil)
		return nil
	}
	f, _ := strconv.ParseFloat(number, 64) // beyond its range: infinite
	if f != math.Trunc(f) {
		o.fault(name, "int_from_float", "Input should be a valid integer, got a number with a fractional part", raw, nil)
		return nil
	}
	bounds = append(bounds, AtLeast(-maxInteger), AtMost(maxInteger))
	o.check(name, f, bounds, func(v float64) json.RawMessage { return json.RawMessage(fmt.Sprintf("%.0f", v)) })
	n := int64(0)
	if math.Abs(f) <= maxInteger {
		n = int64(f)
	}
	return &n
}

// Number is a decimal as it was written, and the double that it is.
type Number struct {
	Text  string
	Value float64
}

// Number reads a number: 0.5, "0.5" or true, and where no bound forbids them "inf"
// and "nan". It returns nil where there is none.
func (o *Object) Number(name string, need Need, bounds ...Bound) *Number {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	n := Number{Text: string(raw)}
	switch s, isText := text(raw); {
	case isText:
		n.Text = decimal(s)
	case isNumber(raw):
	case n.Text == "true":
		n.Text = "1"
	case n.Text == "false":
		n.Text = "0"
	default:
		o.fault(name, "float_type", "Input should be a valid number", raw, nil)
		return nil
	}
	var err error
	if n.Value, err = strconv.ParseFloat(n.Text, 64); err != nil && !math.IsInf(n.Value, 0) || strings.ContainsAny(n.Text, "xX_") {
		o.fault(name, "float_parsing", "Input should be a valid number, unable to parse string as a number", raw, nil)
		return nil
	}
	if n.Value == 0 {
		n.Text = "0" // also what is too small for a double
	}
	if !o.check(name, n.Value, bounds, func(v float64) json.RawMessage { return json.RawMessage(fmt.Sprintf("%.1f", v)) }) {
		return nil
	}
	return &n
}

// Bool reads true or false: also 1, "1", "on", "t", "true", "y", "yes" and
// their opposites. It returns nil where there is none.
func (o *Object) Bool(name string, need Need) *bool {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	if isNumber(raw) {
		return o.numberBool(name, raw)
	}
	word := string(raw)
	s, isText := text(raw)
	if isText {
		word = strings.ToLower(s)
	}
	yes := false
	switch {
	case word == "true", isText && slices.Contains([]string{"1", "on", "t", "y", "yes"}, word):
		yes = true
	case word == "false", isText && slices.Contains([]string{"0", "off", "f", "n", "no"}, word):
	case isText:
		o.fault(name, "bool_parsing", boolParsing, raw, nil)
		return nil
	default:
		o.fault(name, "bool_type", "Input should be a valid boolean", raw, nil)
		return nil
	}
	return &yes
}

const boolParsing = "Input should be a valid boolean, unable to interpret input"

// numberBool reads the number 1 or 0, for true or false.
func (o *Object) numberBool(name string, raw json.RawMessage) *bool {
	value, err := strconv.ParseFloat(string(raw), 64)
	yes := value == 1
	switch {
	case err == nil && (yes || value == 0):
		return &yes
	case bytes.ContainsAny(raw, ".eE"):
		o.fault(name, "bool_type", "Input should be a valid boolean", raw, nil)
	default:
		o.fault(name, "bool_parsing", boolParsing, raw, nil)
	}
	return nil
}

// Text reads a text that matches pattern, where there is one. It returns nil
// where there is none.
func (o *Object) Text(name string, need Need, pattern *regexp.Regexp) *string {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	s, isText := text(raw)
	switch {
	case !isText:
		o.fault(name, "string_type", "Input should be a valid string", raw, nil)
	case pattern != nil && !pattern.MatchString(s):
		msg := fmt.Sprintf("String should match pattern '%s'", pattern)
		o.fault(name, "string_pattern_mismatch", msg, raw, map[string]any{"pattern": pattern.String()})
	}
	return &s
}

// Texts reads a list of texts.
func (o *Object) Texts(name string, need Need) []string {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || items == nil {
		o.fault(name, "list_type", "Input should be a valid list", raw, nil)
		return nil
	}
	list := make([]string, len(items))
	for i, item := range items {
		var isText bool
		if list[i], isText = text(item); !isText {
			o.add(Fault{Type: "string_type", Loc: append(o.at[:len(o.at):len(o.at)], name, i), Msg: "Input should be a valid string", Input: compact(item)})
		}
	}
	return list
}

// Word reads one of the words given; "" where there is none.
func (o *Object) Word(name string, need Need, words ...string) string {
	raw, ok := o.value(name, need)
	if !ok {
		return ""
	}
	s, isText := text(raw)
	for _, w := range words {
		if isText && w == s {
			return w
		}
	}
	last := len(words) - 1
	expected := "'" + strings.Join(words[:last], "', '") + "' or '" + words[last] + "'"
	o.fault(name, "literal_error", "Input should be "+expected, raw, map[string]any{"expected": expected})
	return ""
}

// UUID reads a UUID in any of the forms of ParseUUID; the zero one where there
// is none.
func (o *Object) UUID(name string, need Need) (id [16]byte) {
	raw, ok := o.value(name, need)
	if !ok {
		return id
	}
	s, isText := text(raw)
	if !isText {
		o.fault(name, "uuid_type", "UUID input should be a string, bytes or UUID object", raw, nil)
		return id
	}
	id, why := ParseUUID(s)
	if why != "" {
		o.fault(name, "uuid_parsing", "Input should be a valid UUID, "+why, raw, map[string]any{"error": why})
	}
	return id
}

// Model reads an object within this one, to be read before Faults; nil where
// there is none.
func (o *Object) Model(name string, need Need) *Object {
	raw, ok := o.value(name, need)
	if !ok {
		return nil
	}
	inner := &Object{at: append(o.at[:len(o.at):len(o.at)], name), raw: raw, model: true, faults: o.faults}
	if inner.read(); inner.fields == nil {
		inner.notAnObject()
		return nil
	}
	return inner
}
