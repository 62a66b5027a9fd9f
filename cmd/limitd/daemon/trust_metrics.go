package daemon

import "github.com/prometheus/client_golang/prometheus"

// trustMetrics shows when certificates end, and whether new ones were refused.
type trustMetrics struct {
	trust         *trust
	end, refusing *prometheus.Desc
}

func newTrustMetrics(t *trust) *trustMetrics {
	return &trustMetrics{
		trust: t,
		end: prometheus.NewDesc("limitd_certificate_not_after_seconds",
			"Unix time at which the node's own certificate ends, and the first of the authorities'.", []string{"of"}, nil),
		refusing: prometheus.NewDesc("limitd_certificate_reload_failing",
			"1 where the files of certificates or gossip keys cannot be used, so that older ones are in force.", nil, nil),
	}
}

// Describe tells the registry what Collect will bring.
func (m *trustMetrics) Describe(out chan<- *prometheus.Desc) { out <- m.end; out <- m.refusing }

// Collect reads all numbers.
func (m *trustMetrics) Collect(out chan<- prometheus.Metric) {
	failing := 0.0
	if m.trust.failing.Load() {
		failing = 1
	}
	out <- prometheus.MustNewConstMetric(m.refusing, prometheus.GaugeValue, failing)
	if m.trust.certs == nil {
		return
	}
	own, authority := m.trust.certs.NotAfter()
	out <- prometheus.MustNewConstMetric(m.end, prometheus.GaugeValue, float64(own.Unix()), "own")
	out <- prometheus.MustNewConstMetric(m.end, prometheus.GaugeValue, float64(authority.Unix()), "authority")
}
