package config

import (
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// limit checks one limit block, by the rules of the state machine.
func (k *checker) limit(l Limit) {
	at := "limit." + l.Name
	if err := limit.CheckName(l.Name); err != nil {
		k.fail(at, "Unsuitable name", "%v.", err)
	}
	k.oneOf(at+".enforcement", l.Enforcement, "enforce", "shadow")
	if _, err := command.ParseRate(l.Rate); err != nil {
		k.fail(at+".rate", "Unsuitable rate", "%v.", err)
		l.Rate = "0/s" // the rest can be judged without it
	}
	settings, err := l.Settings()
	if err == nil {
		err = limit.CheckSettings(settings)
	}
	if err != nil {
		k.fail(at, "Unsuitable limit", "Limit %q: %v.", l.Name, err)
	}
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
