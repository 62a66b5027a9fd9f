package lax

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"unicode/utf8"
)

// mistake tells where a text is no JSON, and why, in the words of Python's json.
type mistake struct {
	at  int // the character, counted from 0
	why string
}

// findMistake returns the first mistake of a text in UTF-8; nil: it is JSON.
func findMistake(text []byte) *mistake {
	if json.Valid(text) {
		return nil
	}
	s := scanner{text: text}
	why := s.document()
	return &mistake{utf8.RuneCount(text[:s.at]), why}
}

// scanner looks for the first mistake of a text. What it reads tells why it is
// none of the kind, and at is where then; "": it was read.
type scanner struct {
	text  []byte
	at    int
	depth int // of the values that at is in
}

// Python's words.
const (
	noValue   = "Expecting value"
	noName    = "Expecting property name enclosed in double quotes"
	noColon   = "Expecting ':' delimiter"
	noComma   = "Expecting ',' delimiter"
	extra     = "Extra data"
	noEnd     = "Unterminated string starting at"
	control   = "Invalid control character at"
	noEscape  = `Invalid \escape`
	noUnicode = `Invalid \uXXXX escape`
)

// maxDepth is how deep values may be nested; tooDeep tells of more in limitd's
// words, since encoding/json has such a bound, too.
const (
	maxDepth = 10000
	tooDeep  = "Nested too deep"
)

func (s *scanner) document() (why string) {
	if why = s.value(); why != "" {
		return why
	}
	if s.space(); s.at < len(s.text) {
		return extra
	}
	return ""
}

// space passes over white space.
func (s *scanner) space() {
	rest := bytes.TrimLeft(s.text[s.at:], " \t\n\r")
	s.at = len(s.text) - len(rest)
}

// next tells whether a byte comes next, and passes over it.
func (s *scanner) next(b byte) bool {
	found := s.at < len(s.text) && s.text[s.at] == b
	if found {
		s.at++
	}
	return found
}

// scalar is a value that is no string, and holds no other.
var scalar = regexp.MustCompile(`^(?:null|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)`)

func (s *scanner) value() (why string) {
	s.space()
	switch {
	case s.next('{'):
		return s.items('}', s.field)
	case s.next('['):
		return s.items(']', s.value)
	case s.next('"'):
		return s.string()
	}
	found := scalar.Find(s.text[s.at:])
	if found == nil {
		return noValue
	}
	s.at += len(found)
	return ""
}

// items reads what an object or a list holds, up to its end.
func (s *scanner) items(end byte, item func() string) (why string) {
	if s.depth++; s.depth > maxDepth {
		return tooDeep
	}
	if s.space(); s.next(end) {
		s.depth--
		return ""
	}
	for {
		if why = item(); why != "" {
			return why
		}
		s.space()
		switch {
		case s.next(end):
			s.depth--
			return ""
		case !s.next(','):
			return noComma
		}
	}
}

func (s *scanner) field() (why string) {
	if s.space(); !s.next('"') {
		return noName
	}
	if why = s.string(); why != "" {
		return why
	}
	if s.space(); !s.next(':') {
		return noColon
	}
	return s.value()
}

// string reads a text whose first quotation mark was passed.
func (s *scanner) string() (why string) {
	begin := s.at - 1
	for ; s.at < len(s.text); s.at++ {
		switch b := s.text[s.at]; {
		case b == '"':
			s.at++
			return ""
		case b < ' ':
			return control
		case b != '\\':
		case s.at+1 == len(s.text):
			s.at++
		default:
			if why = s.escape(); why != "" {
				return why
			}
		}
	}
	s.at = begin
	return noEnd
}

// escape passes over all but the last byte of an escape sequence.
func (s *scanner) escape() (why string) {
	kind := s.text[s.at+1]
	if !slices.Contains([]byte(`"\/bfnrtu`), kind) {
		return noEscape
	}
	if s.at++; kind != 'u' {
		return ""
	}
	if len(s.text) < s.at+5 || !isHex(s.text[s.at+1:s.at+5]) {
		return noUnicode
	}
	s.at += 4
	return ""
}

func isHex(digits []byte) bool {
	return len(bytes.Trim(digits, "0123456789abcdefABCDEF")) == 0
}
