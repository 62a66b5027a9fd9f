package daemon

import (
	"time"

	"github.com/limitd/limitd/transport/forward"
	"github.com/prometheus/client_golang/prometheus"
)

// hop measures the calls between this node and the others.
type hop struct {
	took  *prometheus.HistogramVec
	calls [2]*prometheus.Desc // of this node, of others
	node  *forward.Node
}

func newHop() *hop {
	return &hop{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "limitd_forward_duration_seconds",
			Help:    "Time that a call took from this node to another and back, waiting in a queue left out.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"outcome"}),
		calls: [...]*prometheus.Desc{
			prometheus.NewDesc("limitd_forward_calls", "Calls of this node that are under way to others, waits among them.", nil, nil),
			prometheus.NewDesc("limitd_forward_served_calls", "Calls of other nodes that are under way at this one.", nil, nil),
		},
	}
}

// watch takes the node whose calls are counted, before the first scrape.
func (h *hop) watch(n *forward.Node) { h.node = n }

func (h *hop) called(took time.Duration, ended forward.Outcome) {
	h.took.WithLabelValues(string(ended)).Observe(took.Seconds())
}

// Describe tells the registry what Collect will bring.
func (h *hop) Describe(out chan<- *prometheus.Desc) {
	h.took.Describe(out)
	for _, d := range h.calls {
		out <- d
	}
}

// Collect brings all numbers.
func (h *hop) Collect(out chan<- prometheus.Metric) {
	h.took.Collect(out)
	calls, served := h.node.UnderWay()
	for i, n := range [...]int{calls, served} {
		out <- prometheus.MustNewConstMetric(h.calls[i], prometheus.GaugeValue, float64(n))
	}
}
