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
		second = int64(time.Second)
		hour   = int64(time.Hour)
		many   = 100_000_000
	)
	return [...]Setting{
		{Name: "default_ttl", Duration: true, Min: int64(MinTTL), Max: int64(MaxTTL)},
		{Name: "remember", Duration: true, Min: 15 * second, Max: 24 * hour},
		{Name: "max_remembered", Min: 1, Max: many},
		{Name: "max_waiters", Min: 0, Max: many},
		{Name: "patience", Duration: true, Min: 0, Max: hour},
		{Name: "max_backdate", Duration: true, Min: 0, Max: 10 * second},
		{Name: "tick_interval", Duration: true, Min: second / 10, Max: 60 * second},
		{Name: "max_implicit", Min: 0, Max: many},
		{Name: "implicit_ttl", Duration: true, Min: second, Max: 10 * 365 * 24 * hour},
		{Name: "max_limits", Min: 1, Max: many},
		{Name: "max_leases", Min: 1, Max: many},
	}
}
