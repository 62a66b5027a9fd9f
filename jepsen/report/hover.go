package report

import (
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// hover is what the page's script reads out under a pointer. Times are
// milliseconds.
type hover struct {
	Span    float64      `json:"span"`
	Width   float64      `json:"width"` // of a bucket
	Classes []string     `json:"classes"`
	Counts  [][]int      `json:"counts"` // per class and bucket
	P50     []float64    `json:"p50"`
	P99     []float64    `json:"p99"`
	Max     []float64    `json:"max"`
	Lead    []hoverLead  `json:"lead"`
	Faults  []hoverFault `json:"faults"`
}

type hoverLead struct {
	At   float64 `json:"at"`
	Node string  `json:"node"`
	Term uint64  `json:"term"`
}

type hoverFault struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	What string  `json:"what"`
}

func newHover(a axis, h *history.History, s *series) hover {
	v := hover{Span: ms(a.span()), Width: ms(s.Width), P50: inMS(s.P50), P99: inMS(s.P99), Max: inMS(s.Max)}
	for _, c := range allClasses() {
		v.Classes = append(v.Classes, c.String())
		v.Counts = append(v.Counts, s.Counts[c])
	}
	for _, r := range reigns(h.Leaders, a.to) {
		if len(v.Lead) < 2000 {
			v.Lead = append(v.Lead, hoverLead{ms(r.from), r.node, r.term})
		}
	}
	for _, f := range h.Faults {
		if f.Error == "" && len(v.Faults) < 2000 {
			v.Faults = append(v.Faults, hoverFault{ms(f.From), ms(max(f.To, f.From)), short(f.Kind+" "+f.On, 60)})
		}
	}
	return v
}

// ms is a duration in milliseconds, to the tenth.
func ms(d time.Duration) float64 { return float64(d/(100*time.Microsecond)) / 10 }

func inMS(list []time.Duration) []float64 {
	out := make([]float64, len(list))
	for i, d := range list {
		if out[i] = ms(d); d < 0 {
			out[i] = -1
		}
	}
	return out
}
