package prefect

import (
	"fmt"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what GET /metrics shows of Prefect's clients. Labels have bounded
// values: a route's pattern, never a path.
type metrics struct {
	latency  *prometheus.HistogramVec
	acquires *prometheus.CounterVec
	events   prometheus.Counter
	logs     prometheus.Counter
	streams  prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "limitd_prefect_request_duration_seconds",
			Help:    "Time to answer a request of a Prefect client, waiting in a queue included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route", "method", "status"}),
		acquires: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "limitd_prefect_acquires_total",
			Help: "Increments of Prefect clients answered by this node, by outcome.",
		}, []string{"outcome"}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "limitd_prefect_events_total",
			Help: "Events that Prefect clients sent, none of which is kept.",
		}),
		logs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "limitd_prefect_log_entries_total",
			Help: "Log entries that Prefect clients sent, none of which is kept.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "limitd_prefect_event_streams",
			Help: "Prefect clients connected to send events.",
		}),
	}
}

func (m *metrics) register(r *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{m.latency, m.acquires, m.events, m.logs, m.streams} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the metrics of Prefect's clients: %w", err)
		}
	}
	return nil
}

// observe counts an exchange that is over. An event stream lasts as long as its
// client, which is no latency.
func (m *metrics) observe(c *call, took time.Duration) {
	method, status := "none", "aborted"
	if c.route != nil {
		method = c.route.method
	}
	switch class := c.status / 100; {
	case class == 1:
		return
	case class > 0:
		status = fmt.Sprintf("%dxx", class)
	}
	m.latency.WithLabelValues(c.pattern(), method, status).Observe(took.Seconds())
}

// acquired counts the outcome of an increment.
func (m *metrics) acquired(r command.Result) {
	outcome := "refused"
	switch r.(type) {
	case *command.Granted:
		outcome = "granted"
	case *command.Waiting:
		outcome = "come_again"
	case *command.Denied:
		outcome = "denied"
	}
	m.acquires.WithLabelValues(outcome).Inc()
}
