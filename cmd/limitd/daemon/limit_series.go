package daemon

import (
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/prometheus/client_golang/prometheus"
)

// limitSeries shows single limits, read from this node's own state for each
// scrape: those that the operator named (ops.limit_series), and no more than
// MaxLimitSeries of them. A cluster may have a million limits, made by its
// callers; a time series for each would be the end of most Prometheus servers.
type limitSeries struct {
	state    viewing
	patterns []string // names, and prefixes that end in *
	list     []limitMetric
	leftOut  *prometheus.Desc
}

// viewing is what of a replica the limits are read from.
type viewing interface {
	View(read func(*limit.State))
}

// MaxLimitSeries is how many limits are shown at most.
const MaxLimitSeries = 1000

type limitMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(command.Limit) float64
}

func newLimitSeries(state viewing, patterns []string) *limitSeries {
	s := &limitSeries{state: state, patterns: patterns, leftOut: prometheus.NewDesc("limitd_limit_series_left_out",
		"Limits that ops.limit_series names, and that are not shown because there are too many.", nil, nil)}
	add := func(kind prometheus.ValueType, name, help string, read func(command.Limit) float64) {
		s.list = append(s.list, limitMetric{prometheus.NewDesc("limitd_limit_"+name, help, []string{"limit"}, nil), kind, read})
	}
	add(prometheus.GaugeValue, "slots", "Slots of the limit.", func(l command.Limit) float64 { return float64(l.Settings.Slots) })
	add(prometheus.GaugeValue, "occupied", "Slots that are occupied.", func(l command.Limit) float64 { return float64(l.Occupied) })
	add(prometheus.GaugeValue, "waiting", "Acquires that wait for the limit.", func(l command.Limit) float64 { return float64(l.Waiting) })
	add(prometheus.CounterValue, "denied_total", "Acquires that the limit turned away.", func(l command.Limit) float64 { return float64(l.Denied) })
	add(prometheus.GaugeValue, "occupancy_seconds", "How long a slot is held, on average; 0 where none was given back yet.",
		func(l command.Limit) float64 { return time.Duration(l.AvgOccupancy).Seconds() })
	return s
}

// Describe tells the registry what Collect will bring.
func (s *limitSeries) Describe(out chan<- *prometheus.Desc) {
	for _, m := range s.list {
		out <- m.desc
	}
	out <- s.leftOut
}

// Collect reads the limits.
func (s *limitSeries) Collect(out chan<- prometheus.Metric) {
	shown := map[string]bool{}
	leftOut := 0
	for _, l := range s.limits() {
		switch {
		case shown[l.Name]:
		case len(shown) == MaxLimitSeries:
			leftOut++
		default:
			shown[l.Name] = true
			for _, m := range s.list {
				out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(l), l.Name)
			}
		}
	}
	out <- prometheus.MustNewConstMetric(s.leftOut, prometheus.GaugeValue, float64(leftOut))
}

// limits returns the limits that were named; of each pattern at most one more
// than are shown.
func (s *limitSeries) limits() (all []command.Limit) {
	for _, pattern := range s.patterns {
		s.state.View(func(st *limit.State) { // one at a time: records are applied in between
			if prefix, many := strings.CutSuffix(pattern, "*"); many {
				list, _ := st.Limits(limit.LimitFilter{Prefix: prefix}, "", MaxLimitSeries+1)
				all = append(all, list...)
			} else if l, found := st.Limit(pattern); found {
				all = append(all, l)
			}
		})
	}
	return all
}
