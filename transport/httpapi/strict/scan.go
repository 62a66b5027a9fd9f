package strict

import (
	"unicode/utf16"
	"unicode/utf8"
)

// peek skips white space and returns the next byte; 0 at the end.
func (r *Reader) peek() byte {
	if r.broken {
		return 0
	}
	r.space()
	if r.pos >= len(r.data) {
		return 0
	}
	return r.data[r.pos]
}

func (r *Reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// word reads text if it comes next.
func (r *Reader) word(text string) bool {
	if r.peek() != text[0] || len(r.data)-r.pos < len(text) || string(r.data[r.pos:r.pos+len(text)]) != text {
		return false
	}
	r.pos += len(text)
	return true
}

// Skip reads one value of any kind, and forgets it.
func (r *Reader) Skip() {
	var open []byte
	for first := true; !r.broken && (first || len(open) > 0); first = false {
		open = r.skipOne(open)
	}
}

// skipOne reads one token of a value that is skipped; open are the brackets
// that are still to be closed. It is as strict as reading.
func (r *Reader) skipOne(open []byte) []byte {
	switch c := r.peek(); {
	case c == '{' || c == '[':
		if len(open) >= maxDepth {
			r.malformed("nested too deeply")
			return open
		}
		r.pos++
		open = append(open, c+2) // '{'+2 is '}', '['+2 is ']'
		if r.peek() == c+2 {
			return r.skipEnd(open)
		}
		r.skipName(open)
		return open
	case c == '"':
		r.quoted()
	case c == '-' || c >= '0' && c <= '9':
		r.number()
	case r.word("true") || r.word("false") || r.word("null"):
	default:
		r.malformed("a value must come here")
		return open
	}
	return r.skipEnd(open)
}

// skipEnd reads what follows a value: ends of what is open, or a comma.
func (r *Reader) skipEnd(open []byte) []byte {
	for len(open) > 0 && !r.broken {
		switch r.peek() {
		case open[len(open)-1]:
			r.pos++
			open = open[:len(open)-1]
		case ',':
			r.pos++
			r.skipName(open)
			return open
		default:
			r.malformed("a comma or %q must come here", open[len(open)-1])
		}
	}
	return open
}

// skipName reads a field's name and colon where the innermost open value is
// an object.
func (r *Reader) skipName(open []byte) {
	if open[len(open)-1] != '}' {
		return
	}
	if r.peek() != '"' {
		r.malformed("a field's name must come here")
		return
	}
	if _, ok := r.quoted(); !ok {
		return
	}
	if r.peek() != ':' {
		r.malformed("a colon must follow a field's name")
		return
	}
	r.pos++
}

// number reads a number by JSON's grammar.
func (r *Reader) number() []byte {
	start := r.pos
	if r.pos < len(r.data) && r.data[r.pos] == '-' {
		r.pos++
	}
	if r.pos < len(r.data) && r.data[r.pos] == '0' {
		r.pos++
	} else if !r.digits() {
		return nil
	}
	if r.pos < len(r.data) && r.data[r.pos] == '.' {
		if r.pos++; !r.digits() {
			return nil
		}
	}
	if r.pos < len(r.data) && (r.data[r.pos] == 'e' || r.data[r.pos] == 'E') {
		r.pos++
		if r.pos < len(r.data) && (r.data[r.pos] == '+' || r.data[r.pos] == '-') {
			r.pos++
		}
		if !r.digits() {
			return nil
		}
	}
	return r.data[start:r.pos]
}

func (r *Reader) digits() bool {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	if r.pos == start {
		r.malformed("a digit must come here")
	}
	return r.pos > start
}

// quoted reads a string. Without escapes the result is a part of the document.
func (r *Reader) quoted() ([]byte, bool) {
	r.pos++
	start := r.pos
	plain := true
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			text := r.data[start:r.pos]
			if !utf8.Valid(text) {
				r.malformed("a string is not valid UTF-8")
				return nil, false
			}
			r.pos++
			if plain {
				return text, true
			}
			return r.unescape(text)
		case c == '\\':
			plain = false
			r.pos += 2
		case c < ' ':
			r.malformed("a control character in a string")
			return nil, false
		default:
			r.pos++
		}
	}
	r.pos = len(r.data)
	r.malformed("a string ends too soon")
	return nil, false
}

// unescape returns text, which is valid UTF-8, with its escapes resolved.
func (r *Reader) unescape(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		i++
		if c := simpleEscape(text[i]); c != 0 {
			out = append(out, c)
			continue
		}
		c, n := hexEscape(text[i:])
		if n == 0 {
			r.malformed("a string has an escape that is none")
			return nil, false
		}
		out = utf8.AppendRune(out, c)
		i += n - 1
	}
	return out, true
}

func simpleEscape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// hexEscape reads "u00e9", or a surrogate pair "ud83d\ude00", at the beginning
// of b, and returns the character and how many bytes it took; 0 for a fault.
func hexEscape(b []byte) (rune, int) {
	c, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(c) {
		return c, 5
	}
	if len(b) < 11 || b[5] != '\\' {
		return 0, 0
	}
	low, ok := hex4(b[6:])
	pair := utf16.DecodeRune(c, low)
	if !ok || pair == utf8.RuneError {
		return 0, 0
	}
	return pair, 11
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	var v rune
	for _, c := range b[1:5] {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
