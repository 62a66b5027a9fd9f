package wire

import "time"

// Bounds of durations.
const (
	MaxWait        = 24 * time.Hour
	MaxLinger      = 60 * time.Second
	DefaultLinger  = 15 * time.Second
	MinTTL         = time.Second
	MaxTTL         = 24 * time.Hour
	MaxGrace       = 24 * time.Hour
	DefaultTimeout = 10 * time.Second
	MinTimeout     = time.Millisecond
	MaxTimeout     = time.Hour
)

// Setting is one of the cluster's replicated settings, as /v1/cluster/settings
// and the configuration's limits block name it.
type Setting struct {
	Name     string
	Duration bool  // a duration, counted in ns; else a plain number
	Min, Max int64 // inclusive
}

// SettingList returns all replicated settings in the order of their encoding
// in the log. The server and the configuration hold values against it.
func SettingList() [11]Setting {
	const (
		second  = int64(time.Second)
		day     = 24 * int64(time.Hour)
		million = 1_000_000
	)
	return [...]Setting{
		{Name: "default_ttl", Duration: true, Min: int64(MinTTL), Max: int64(MaxTTL)},
		{Name: "remember", Duration: true, Min: 20 * second, Max: day},
		{Name: "max_remembered", Min: 1000, Max: 100 * million},
		{Name: "max_waiters", Min: 0, Max: 10 * million},
		{Name: "patience", Duration: true, Min: second / 100, Max: day},
		{Name: "max_backdate", Duration: true, Min: second / 1000, Max: 10 * second},
		{Name: "tick_interval", Duration: true, Min: second / 100, Max: 60 * second},
		{Name: "max_implicit", Min: 0, Max: million},
		{Name: "implicit_ttl", Duration: true, Min: 60 * second, Max: 3650 * day},
		{Name: "max_limits", Min: 1, Max: 10 * million},
		{Name: "max_leases", Min: 1, Max: 100 * million},
	}
}
