package oracle

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/limitd/limitd/fsm/command"
)

const (
	second = int64(1e9)
	day    = 86400 * second
)

// soundName tells whether a limit can have the name (L1).
func soundName(name string) bool {
	return len(name) >= 1 && len(name) <= 255 && utf8.ValidString(name) && name != "." && name != ".." &&
		!strings.ContainsAny(name, "/%&><") && !strings.ContainsFunc(name, unicode.IsControl)
}

// soundSettings tells whether a limit can have the settings.
func soundSettings(s command.LimitSettings) bool {
	return within(s.Slots, 0, command.MaxSlots) && within(s.Grace, 0, day) &&
		(!s.Numbered || s.Slots <= command.MaxNumbered && s.Rate.IsZero())
}

func soundTTL(ttl int64) bool { return ttl == 0 || within(ttl, second, day) }

// soundAcquire tells whether an acquire asks for what anybody may ask.
func soundAcquire(id string, a *command.Acquire) bool {
	names := map[string]bool{}
	for _, e := range a.Entries {
		if !within(e.Slots, 0, command.MaxSlots) {
			return false
		}
		names[e.Name] = true
	}
	return id != "" && len(names) == len(a.Entries) && len(names) <= command.MaxEntries &&
		within(a.Wait, 0, day) && soundTTL(a.TTL) && within(a.Linger, 0, 60*second)
}

// soundSetting tells whether a replicated setting can have the value.
func soundSetting(c command.SettingChange) bool {
	r := [...][2]int64{
		command.SettingDefaultTTL:    {second, day},
		command.SettingRemember:      {20 * second, day},
		command.SettingMaxRemembered: {1000, 100_000_000},
		command.SettingMaxWaiters:    {0, 10_000_000},
		command.SettingPatience:      {second / 100, day},
		command.SettingMaxBackdate:   {second / 1000, 10 * second},
		command.SettingTickInterval:  {second / 100, 60 * second},
		command.SettingMaxImplicit:   {0, 1_000_000},
		command.SettingImplicitTTL:   {60 * second, 3650 * day},
		command.SettingMaxLimits:     {1, 10_000_000},
		command.SettingMaxLeases:     {1, 100_000_000},
	}[c.Setting]
	return within(c.Value, r[0], r[1])
}

func within(v, low, high int64) bool { return v >= low && v <= high }
