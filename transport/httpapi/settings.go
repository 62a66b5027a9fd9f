package httpapi

import (
	"net/http"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// getSettings serves GET /v1/cluster/settings.
func (c *call) getSettings() error {
	var s command.Settings
	if err := c.read(func(st *limit.State) { s = st.Settings() }); err != nil {
		return err
	}
	return c.json(http.StatusOK, settingsBody(s))
}

// patchSettings serves PATCH /v1/cluster/settings.
func (c *call) patchSettings() error {
	var changes []command.SettingChange
	err := c.decode(func(r *strict.Reader) { changes = readSettings(r) }, wire.TypeMergePatch)
	if err != nil {
		return err
	}
	// Heeded where no more can be remembered, for this raises that bound.
	result, err := c.writeUnder(c.idIfKeyed(), &command.UpdateSettings{Set: changes})
	if err != nil {
		return err
	}
	now, ok := result.(*command.SettingsNow)
	if !ok {
		return unexpected(result)
	}
	return c.json(http.StatusOK, settingsBody(now.Settings))
}

// readSettings walks a merge patch of the settings; a null puts a setting back
// to the default of a new cluster.
func readSettings(r *strict.Reader) (changes []command.SettingChange) {
	if !r.Object() {
		return nil
	}
	list := wire.SettingList()
	for r.Field() {
		key, found := string(r.Key()), false
		for i, s := range list {
			if s.Name == key {
				found = true
				id := command.SettingID(i)
				changes = append(changes, command.SettingChange{Setting: id, Value: readSetting(r, s, id)})
			}
		}
		if !found {
			names := make([]string, len(list))
			for i, s := range list {
				names[i] = s.Name
			}
			r.Unknown(names...)
		}
	}
	return changes
}

func readSetting(r *strict.Reader, s wire.Setting, id command.SettingID) int64 {
	switch {
	case r.Null():
		return settingValue(command.DefaultSettings(), id)
	case s.Duration:
		return int64(r.Duration(time.Duration(s.Min), time.Duration(s.Max)))
	}
	return r.Int(s.Min, s.Max)
}

// settingValue returns one of the settings by its place.
func settingValue(s command.Settings, id command.SettingID) int64 {
	return [...]int64{
		command.SettingDefaultTTL: s.DefaultTTL, command.SettingRemember: s.Remember,
		command.SettingMaxRemembered: s.MaxRemembered, command.SettingMaxWaiters: s.MaxWaiters,
		command.SettingPatience: s.Patience, command.SettingMaxBackdate: s.MaxBackdate,
		command.SettingTickInterval: s.TickInterval, command.SettingMaxImplicit: s.MaxImplicit,
		command.SettingImplicitTTL: s.ImplicitTTL, command.SettingMaxLimits: s.MaxLimits,
		command.SettingMaxLeases: s.MaxLeases,
	}[id]
}

func settingsBody(s command.Settings) wire.Settings {
	return wire.Settings{
		DefaultTTL: wire.Duration(s.DefaultTTL), Remember: wire.Duration(s.Remember),
		MaxRemembered: s.MaxRemembered, MaxWaiters: s.MaxWaiters,
		Patience: wire.Duration(s.Patience), MaxBackdate: wire.Duration(s.MaxBackdate),
		TickInterval: wire.Duration(s.TickInterval), MaxImplicit: s.MaxImplicit,
		ImplicitTTL: wire.Duration(s.ImplicitTTL), MaxLimits: s.MaxLimits, MaxLeases: s.MaxLeases,
	}
}
