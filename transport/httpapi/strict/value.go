package strict

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// Text reads a string.
func (r *Reader) Text() string { return string(r.text()) }

func (r *Reader) text() []byte {
	if r.peek() != '"' {
		r.mismatch("a string")
		return nil
	}
	b, _ := r.quoted()
	return b
}

// Enum reads a string that must be one of values, and returns its place among
// them; 0 for a fault.
func (r *Reader) Enum(values ...string) int {
	if r.peek() != '"' {
		r.mismatch("a string")
		return 0
	}
	b, ok := r.quoted()
	if !ok {
		return 0
	}
	i := slices.Index(values, string(b))
	if i < 0 {
		r.Fault("must be one of %s", strings.Join(values, ", "))
		return 0
	}
	return i
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch {
	case r.word("true"):
		return true
	case r.word("false"):
		return false
	}
	r.mismatch("true or false")
	return false
}

// Null reads a null if one comes next, and tells whether it did.
func (r *Reader) Null() bool { return r.word("null") }

// Number reads a number and returns it as it is written; "" for a fault.
func (r *Reader) Number() string {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch("a number")
		return ""
	}
	return string(r.number())
}

// Int reads a whole number of low to high, which must lie within 2^53. It
// returns low for a fault.
func (r *Reader) Int(low, high int64) int64 {
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch("a whole number")
		return low
	}
	text := r.number()
	if r.broken {
		return low
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case strings.ContainsAny(string(text), ".eE"):
		r.Fault("must be a whole number")
		return low
	case err != nil || v < low || v > high:
		r.Fault("must be %d to %d", low, high)
		return low
	}
	return v
}

// Duration reads a duration such as "1m30s" of low to high. It returns low for
// a fault.
func (r *Reader) Duration(low, high time.Duration) time.Duration {
	if r.peek() != '"' {
		r.mismatch(`a duration such as "1m30s"`)
		return low
	}
	b, ok := r.quoted()
	if !ok {
		return low
	}
	d, err := time.ParseDuration(string(b))
	switch {
	case err != nil:
		r.Fault(`must be a duration such as "90s", "1m30s" or "250ms"`)
		return low
	case d < low || d > high:
		r.Fault("must be %s to %s", wire.Duration(low), wire.Duration(high))
		return low
	}
	return d
}

// Unknown notes that the present field is none of known, and skips its value.
func (r *Reader) Unknown(known ...string) {
	r.Fault("unknown field; known are %s", strings.Join(known, ", "))
	r.Skip()
}

// mismatch notes that what comes next should have been what, and skips it.
func (r *Reader) mismatch(what string) {
	if r.broken {
		return
	}
	if r.pos >= len(r.data) {
		r.malformed("%s must come here", what)
		return
	}
	at := len(r.faults)
	r.Fault("must be %s", what)
	if r.Skip(); r.broken && at < len(r.faults) {
		r.faults = append(r.faults[:at], r.faults[at+1:]...)
	}
}
