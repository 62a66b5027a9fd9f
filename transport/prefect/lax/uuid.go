package lax

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseUUID reads a UUID: 32 hexadecimal digits, with hyphens or, where nothing
// else stands around them, without; in braces, or behind "urn:uuid:". Where it is
// none, why says what is wrong.
func ParseUUID(text string) (id [16]byte, why string) {
	digits, before, wrapped := unwrap(text)
	for i, r := range digits {
		if r != '-' && !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return id, fmt.Sprintf("invalid character: found `%c` at %d", r, before+i)
		}
	}
	plain := digits
	if groups := strings.Split(digits, "-"); wrapped || len(groups) > 1 {
		if why := checkGroups(groups); why != "" {
			return id, why
		}
		plain = strings.Join(groups, "")
	}
	if len(plain) != 32 {
		return id, fmt.Sprintf("invalid length: found %d", utf8.RuneCountInString(text))
	}
	_, _ = hex.Decode(id[:], []byte(plain)) // its digits were looked at
	return id, ""
}

// unwrap returns what is in braces or behind "urn:uuid:", and how many bytes stand
// before it.
func unwrap(text string) (digits string, before int, wrapped bool) {
	if inner, ok := strings.CutPrefix(text, "{"); ok && strings.HasSuffix(inner, "}") {
		return strings.TrimSuffix(inner, "}"), 1, true
	}
	const urn = "urn:uuid:"
	digits, wrapped = strings.CutPrefix(text, urn)
	return digits, len(text) - len(digits), wrapped
}

// checkGroups tells what is wrong with the parts between hyphens.
func checkGroups(groups []string) string {
	lengths := [...]int{8, 4, 4, 4, 12}
	if len(groups) != len(lengths) {
		return fmt.Sprintf("invalid group count: expected 5, found %d", len(groups))
	}
	for i, want := range lengths {
		if got := len(groups[i]); got != want {
			return fmt.Sprintf("invalid group length in group %d: expected %d, found %d", i, want, got)
		}
	}
	return ""
}

// PathUUID reads the UUID of a path's parameter. It returns the fault where it
// is none.
func PathUUID(name, text string) (id [16]byte, faults []Fault) {
	id, why := ParseUUID(text)
	if why == "" {
		return id, nil
	}
	input, _ := json.Marshal(text) // a text can always be written
	return id, []Fault{{
		Type: "uuid_parsing", Loc: []any{"path", name}, Msg: "Input should be a valid UUID, " + why,
		Input: input, Ctx: map[string]any{"error": why},
	}}
}
