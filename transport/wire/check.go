package wire

import (
	"unicode"
	"unicode/utf8"
)

// CheckName tells what is wrong with a limit's name, or "". A name has 1 to
// MaxName bytes of valid UTF-8, without / % & > < and control characters, and
// is not "." or "..".
func CheckName(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > MaxName:
		return "must not be longer than 255 bytes"
	case name == "." || name == "..":
		return `must not be "." or ".."`
	case !utf8.ValidString(name):
		return "must be valid UTF-8"
	}
	for _, r := range name {
		switch r {
		case '/', '%', '&', '>', '<':
			return "must not contain any of / % & > <"
		}
		if unicode.IsControl(r) {
			return "must not contain control characters"
		}
	}
	return ""
}

// CheckID tells what is wrong with the id of an acquire or an idempotency key,
// or "". It has 1 to MaxID of A-Z a-z 0-9 _ . : - and begins with a letter or
// a digit.
func CheckID(id string) string {
	if len(id) == 0 || len(id) > MaxID {
		return "must have 1 to 64 characters"
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '_' || c == '.' || c == ':' || c == '-'):
		default:
			return "must consist of A-Z a-z 0-9 _ . : - and begin with a letter or a digit"
		}
	}
	return ""
}
