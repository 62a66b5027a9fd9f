package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/limitd/limitd/fsm/command"
)

// limit checks one limit block.
func (k *checker) limit(l Limit) {
	at := func(key string) string { return "limit." + l.Name + "." + key }
	if !isLimitName(l.Name) {
		k.fail("limit."+l.Name, "Unsuitable name",
			"A limit's name has 1 to 255 bytes of UTF-8, none of / %% & > < and no control characters, and is not . or .. (%q).", l.Name)
	}
	if l.Slots < 0 || l.Slots > command.MaxSlots {
		k.fail(at("slots"), "Out of range", "slots is %d; it takes 0 to %d.", l.Slots, int64(command.MaxSlots))
	}
	k.oneOf(at("enforcement"), l.Enforcement, "enforce", "shadow")
	rate, err := command.ParseRate(l.Rate)
	if err != nil {
		k.fail(at("rate"), "Unsuitable rate", "%v.", err)
	}
	if l.Numbered && !rate.IsZero() {
		k.fail(at("numbered"), "Numbered slots do not decay", "Limit %q is numbered and has a rate: remove one of the two.", l.Name)
	}
	if l.Numbered && l.Slots > command.MaxNumbered {
		k.fail(at("slots"), "Out of range", "A numbered limit has at most %d slots; %q has %d.", command.MaxNumbered, l.Name, l.Slots)
	}
	if l.Grace < 0 {
		k.fail(at("grace"), "Out of range", "grace is %v; it takes 0s and above.", l.Grace)
	}
}

func isLimitName(name string) bool {
	return len(name) >= 1 && len(name) <= 255 && utf8.ValidString(name) && name != "." && name != ".." &&
		!strings.ContainsAny(name, "/%&><") && !strings.ContainsFunc(name, unicode.IsControl)
}

// Settings returns what the limit is created with. The limit must be valid.
func (l Limit) Settings() (command.LimitSettings, error) {
	rate, err := command.ParseRate(l.Rate)
	if err != nil {
		return command.LimitSettings{}, err
	}
	s := command.LimitSettings{
		Slots: l.Slots, Active: l.Active, Rate: rate, Shadow: l.Enforcement == "shadow",
		Numbered: l.Numbered, Grace: int64(l.Grace), Description: l.Description,
	}
	for key, value := range l.Labels {
		s.Labels = append(s.Labels, command.Pair{Key: key, Value: value})
	}
	slices.SortFunc(s.Labels, func(a, b command.Pair) int { return strings.Compare(a.Key, b.Key) })
	return s, nil
}
