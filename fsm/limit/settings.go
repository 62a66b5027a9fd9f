package limit

import (
	"fmt"

	"github.com/limitd/limitd/fsm/command"
)

const (
	second = int64(1e9)
	day    = 86400 * second

	// MinTTL and MaxTTL bound how long a lease runs without a renew, in ns.
	MinTTL = second
	MaxTTL = day
	// MaxWait bounds how long an acquire waits, in ns.
	MaxWait = day
	// DefaultLinger is how long a place outlives its last open call, in ns.
	DefaultLinger = 15 * second
	// MaxLinger bounds it.
	MaxLinger = 60 * second
	// MaxGrace bounds a limit's grace, in ns.
	MaxGrace = day
)

// settingRange is what a replicated setting may be.
type settingRange struct {
	name      string
	low, high int64
}

// rangeOf returns the name and range of a setting.
func rangeOf(id command.SettingID) settingRange {
	return [...]settingRange{
		command.SettingDefaultTTL:    {"default_ttl", MinTTL, MaxTTL},
		command.SettingRemember:      {"remember", 20 * second, day},
		command.SettingMaxRemembered: {"max_remembered", 1000, 100_000_000},
		command.SettingMaxWaiters:    {"max_waiters", 0, 10_000_000},
		command.SettingPatience:      {"patience", second / 100, day},
		command.SettingMaxBackdate:   {"max_backdate", second / 1000, 10 * second},
		command.SettingTickInterval:  {"tick_interval", second / 100, 60 * second},
		command.SettingMaxImplicit:   {"max_implicit", 0, 1_000_000},
		command.SettingImplicitTTL:   {"implicit_ttl", 60 * second, 3650 * day},
		command.SettingMaxLimits:     {"max_limits", 1, 10_000_000},
		command.SettingMaxLeases:     {"max_leases", 1, 100_000_000},
	}[id]
}

// CheckSetting returns nil where value is in the setting's range, and else an
// error that says the range; durations are in ns.
func CheckSetting(id command.SettingID, value int64) error {
	r := rangeOf(id)
	if value < r.low || value > r.high {
		return fmt.Errorf("%s is %d; it can be %d to %d", r.name, value, r.low, r.high)
	}
	return nil
}

func (s *State) updateSettings(op *command.UpdateSettings) command.Result {
	for _, c := range op.Set {
		if err := CheckSetting(c.Setting, c.Value); err != nil {
			return &command.Problem{Code: command.CodeInvalid, Detail: err.Error()}
		}
	}
	s.settings = s.settings.With(op.Set)
	return &command.SettingsNow{Settings: s.settings}
}

// setRules brings a rules version into force. It never goes back.
func (s *State) setRules(op *command.SetRules) command.Result {
	old := s.rules
	s.rules = max(old, op.Version)
	if old < rules2 && s.rules >= rules2 {
		s.barNameless()
		s.rewatch()
	}
	return &command.Done{}
}

// rewatch looks again at who is first, which version 1 of the rules said of
// nobody where anybody was protected (A2).
func (s *State) rewatch() {
	s.limits.ascend(0, func(k uint64, _ *limitRow) bool {
		if q := s.lines[k]; q != nil && len(q.reserves) > 0 {
			s.touch(k)
		}
		return true
	})
}

// barNameless tells those who wait for anonymous slots of limits that were made
// numbered meanwhile, which version 1 of the rules left waiting (L11).
func (s *State) barNameless() {
	s.limits.ascend(0, func(k uint64, l *limitRow) bool {
		if s.lines[k] != nil && s.refusesAnonymous(l) {
			s.addJob(jobJudge, k)
		}
		return true
	})
}
