// Package rules checks what deploy/ gives to Prometheus and Grafana: the alert
// rules by promtool's own parser, each of them against series on which it has to
// fire and on which it has to keep quiet, and every metric that a rule or a
// panel names against docs/metrics.md. It is a module of its own because
// Prometheus is a large one.
package rules
