package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// metrics are what GET /metrics shows of the API and of the sizes of the
// state. Labels have bounded values: a route's pattern, never a path.
type metrics struct {
	handler  http.Handler
	latency  *prometheus.HistogramVec
	table    []route
	observed []observers // of latency, by route; the last one: no route
	acquires *prometheus.CounterVec
	outcomes [acquireOutcomes]prometheus.Counter
	waited   prometheus.Histogram
	open     prometheus.GaugeFunc
	sizes    *sizes
}

// observers are a route's, by the class of the status; class 0 stands for calls
// whose caller hung up. Each is made when it is needed first, so that nothing
// is shown of what never happened.
type observers [6]atomic.Pointer[prometheus.Observer]

// Outcomes of an acquire, as the label outcome has them.
const (
	outcomeGranted = iota
	outcomeWaiting
	outcomeDenied
	outcomeExpired
	outcomeRefused
	acquireOutcomes
)

func newMetrics(a *API, table []route) *metrics {
	m := &metrics{
		handler: promhttp.HandlerFor(a.cfg.Registry, promhttp.HandlerOpts{}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "limitd_http_request_duration_seconds",
			Help:    "Time to answer a request, waiting in a queue included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route", "method", "status"}),
		acquires: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "limitd_acquires_total",
			Help: "Acquires answered by this node, by outcome.",
		}, []string{"outcome"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "limitd_acquire_waited_seconds",
			Help:    "Cluster time from an acquire's first record to its grant.",
			Buckets: []float64{.001, .01, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 3600},
		}),
		open: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "limitd_open_waits",
			Help: "Callers of this node that wait for a grant with their connection open.",
		}, func() float64 { return float64(a.cfg.Gate.Count()) }),
		sizes:    newSizes(a.cfg.Backend),
		table:    table,
		observed: make([]observers, len(table)+1),
	}
	for i, name := range [...]string{"granted", "waiting", "denied", "wait_expired", "refused"} {
		m.outcomes[i] = m.acquires.WithLabelValues(name)
	}
	return m
}

func (m *metrics) register(r *prometheus.Registry) error {
	for _, c := range []prometheus.Collector{m.latency, m.acquires, m.waited, m.open, m.sizes} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the API's metrics: %w", err)
		}
	}
	return nil
}

// observe counts an exchange that is over.
func (m *metrics) observe(c *call, took time.Duration) {
	row := len(m.table)
	if c.route != nil {
		row = c.route.id
	}
	class := c.status / 100
	o := m.observed[row][class].Load()
	if o == nil {
		o = m.observer(row, class)
	}
	(*o).Observe(took.Seconds())
}

// observer makes the observer of a route and class of status.
func (m *metrics) observer(row, class int) *prometheus.Observer {
	pattern, method, status := "none", "none", "aborted"
	if row < len(m.table) {
		pattern, method = m.table[row].pattern, m.table[row].method
	}
	if class > 0 {
		status = fmt.Sprintf("%dxx", class)
	}
	o := m.latency.WithLabelValues(pattern, method, status)
	m.observed[row][class].Store(&o)
	return &o
}

// acquired counts the outcome of an acquire.
func (m *metrics) acquired(r command.Result) {
	switch r := r.(type) {
	case *command.Granted:
		m.outcomes[outcomeGranted].Inc()
		m.waited.Observe(time.Duration(r.Waited).Seconds())
	case *command.Waiting:
		m.outcomes[outcomeWaiting].Inc()
	case *command.Denied:
		if r.Expired {
			m.outcomes[outcomeExpired].Inc()
		} else {
			m.outcomes[outcomeDenied].Inc()
		}
	default:
		m.outcomes[outcomeRefused].Inc()
	}
}

// sizes collects the sizes of the state as this node has it.
type sizes struct {
	backend Backend
	descs   [8]*prometheus.Desc
}

func newSizes(b Backend) *sizes {
	s := &sizes{backend: b}
	for i, d := range [...][2]string{
		{"limitd_limits", "Limits."},
		{"limitd_leases", "Leases that are held."},
		{"limitd_waiters", "Acquires in the queue."},
		{"limitd_remembered_requests", "Requests whose end is remembered."},
		{"limitd_holdings", "Holdings of slots over all limits."},
		{"limitd_applied_index", "Log index that this node's state has applied."},
		{"limitd_cluster_time_seconds", "Cluster time of this node's state."},
		{"limitd_quarantine_seconds", "How long limits without decay grant nothing more after a restore; 0: they do."},
	} {
		s.descs[i] = prometheus.NewDesc(d[0], d[1], nil, nil)
	}
	return s
}

// Describe tells what is collected.
func (s *sizes) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect reads the sizes. Where the state cannot be read there are none.
func (s *sizes) Collect(ch chan<- prometheus.Metric) {
	var n limit.Counts
	var quarantine int64
	at, err := s.backend.Read(context.Background(), true, func(st *limit.State) { n, quarantine = st.Counts(), st.Quarantine() })
	if err != nil {
		return
	}
	for i, v := range [...]float64{
		float64(n.Limits), float64(n.Leases), float64(n.Waiters), float64(n.Remembered), float64(n.Holdings),
		float64(at.Index), time.Duration(at.Time).Seconds(), time.Duration(quarantine).Seconds(),
	} {
		ch <- prometheus.MustNewConstMetric(s.descs[i], prometheus.GaugeValue, v)
	}
}

// showMetrics serves GET /metrics. Series of one limit are shown to who may read it.
func (c *call) showMetrics() error {
	handler := c.api.metrics.handler
	if c.api.cfg.Guard != nil && !c.api.cfg.OpenMetrics && !c.caller.Everywhere(command.VerbRead) {
		handler = promhttp.HandlerFor(prometheus.GathererFunc(c.gather), promhttp.HandlerOpts{})
	}
	handler.ServeHTTP(&metricsWriter{ResponseWriter: c.w, call: c}, c.r)
	return nil
}

// gather collects what the caller may see.
func (c *call) gather() ([]*dto.MetricFamily, error) {
	families, err := c.api.cfg.Registry.Gather()
	for _, f := range families {
		f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool {
			return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool {
				return l.GetName() == "limit" && !c.caller.May(command.VerbRead, l.GetValue())
			})
		})
	}
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 }), err
}

// metricsWriter adds the headers that every answer has.
type metricsWriter struct {
	http.ResponseWriter
	call *call
}

// WriteHeader writes the status and all headers.
func (w *metricsWriter) WriteHeader(status int) { w.call.head(status) }

// Write writes b, behind the headers.
func (w *metricsWriter) Write(b []byte) (int, error) {
	if w.call.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}
