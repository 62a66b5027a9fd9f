package daemon

import (
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/prometheus/client_golang/prometheus"
)

// meter counts what a replica does, as it does it.
//
// What it calls applied is counted by every node, since every node plays every
// record: a dashboard takes the largest of the nodes, and never their sum.
type meter struct {
	commit, play, batch, queued prometheus.Histogram

	records, grants, refusals *prometheus.CounterVec
	expired                   prometheus.Counter
	counters                  map[series]prometheus.Counter // of the three; of Applied alone, which runs on one goroutine
}

// series is one label's counter of a vector.
type series struct {
	of    *prometheus.CounterVec
	label string
}

func newMeter() *meter {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "limitd_" + name, Help: help, Buckets: buckets})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "limitd_applied_" + name + "_total", Help: help}, []string{label})
	}
	return &meter{
		commit: histogram("cluster_commit_duration_seconds", "Time from the proposal of a record, on the leader, to its answer: a majority has stored it, and the leader has applied it.",
			[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}),
		play: histogram("cluster_apply_duration_seconds", "Time that a batch of entries took to be applied to this node's state.",
			[]float64{.00001, .000025, .0001, .00025, .001, .0025, .01, .025, .1, .25, 1}),
		batch:    histogram("cluster_apply_batch_entries", "Entries that were applied together.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}),
		queued:   histogram("queue_wait_seconds", "Cluster time that acquires waited in the queue until they were granted.", []float64{.001, .01, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 3600}),
		records:  vector("records", "Records that this node's state has taken in, by kind.", "kind"),
		grants:   vector("grants", "Acquires granted in this node's state: at_once, or from the queue.", "from"),
		refusals: vector("refusals", "Acquires refused in this node's state, by the code that the caller is told.", "code"),
		expired:  prometheus.NewCounter(prometheus.CounterOpts{Name: "limitd_applied_expirations_total", Help: "Leases that ended in this node's state because nobody renewed them in time."}),

		counters: map[series]prometheus.Counter{},
	}
}

// Committed counts a record that was answered.
func (m *meter) Committed(took time.Duration) { m.commit.Observe(took.Seconds()) }

// Played counts a batch of entries.
func (m *meter) Played(entries int, took time.Duration) {
	m.play.Observe(took.Seconds())
	m.batch.Observe(float64(entries))
}

// Applied counts what records did.
func (m *meter) Applied(events []fsm.Event) {
	for i := range events {
		e := &events[i]
		m.count(m.records, e.Kind.String())
		m.expired.Add(float64(e.Expired))
		if e.Kind == command.KindAcquire {
			m.ended(e.Result, "at_once")
		}
		for _, o := range e.Outcomes {
			m.ended(o.Result, "queue")
		}
	}
}

// ended counts the end of an acquire. A repeated answer counts for nothing.
func (m *meter) ended(r command.Result, from string) {
	switch r := r.(type) {
	case *command.Granted:
		if r.Replayed {
			return
		}
		m.count(m.grants, from)
		if from == "queue" {
			m.queued.Observe(time.Duration(r.Waited).Seconds())
		}
	case *command.Denied:
		switch {
		case r.Replayed:
		case r.Expired:
			m.count(m.refusals, "wait_expired")
		default:
			m.count(m.refusals, "denied")
		}
	case *command.Problem:
		if !r.Replayed {
			m.count(m.refusals, r.Code.String())
		}
	}
}

func (m *meter) count(v *prometheus.CounterVec, label string) {
	c := m.counters[series{v, label}]
	if c == nil {
		c = v.WithLabelValues(label)
		m.counters[series{v, label}] = c
	}
	c.Inc()
}

func (m *meter) all() []prometheus.Collector {
	return []prometheus.Collector{m.commit, m.play, m.batch, m.queued, m.records, m.grants, m.refusals, m.expired}
}

// Describe tells the registry what Collect will bring.
func (m *meter) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(out)
	}
}

// Collect brings all numbers.
func (m *meter) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(out)
	}
}
