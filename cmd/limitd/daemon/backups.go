package daemon

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/backup"
	"github.com/prometheus/client_golang/prometheus"
)

// refreshTimeout is how long a scheduled snapshot looks for a leader: a node that
// is cut off must not write an old state under a new name.
const refreshTimeout = 30 * time.Second

// startBackups begins the scheduled snapshots, where there is a directory for them.
func (d *Daemon) startBackups(context.Context) error {
	c := d.cfg.Snapshot
	if c.Directory == "" {
		return nil
	}
	save := snapshots{d.node, d.replica}
	d.backups = backup.NewSchedule(backup.Config{
		Directory: c.Directory, Interval: c.Interval, Retain: int(c.Retain), Node: d.cfg.Name,
		Write: func(ctx context.Context, w io.Writer) error {
			ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
			defer cancel()
			return save.Save(ctx, w)
		},
		Free: store.Free, Spare: cluster.DiskSpare, Logger: d.log.Named("snapshot"),
	})
	if err := d.deps.Registry.Register(newBackupMetrics(d.backups)); err != nil {
		return fmt.Errorf("register the metrics of the backups: %w", err)
	}
	d.tasks.Go(func() { d.backups.Run(d.ctx) })
	return nil
}

// gauge is one number of a collector.
type gauge struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func() float64
}

// gauges is a collector of numbers that are read anew for each scrape.
type gauges []gauge

// Describe tells the registry what Collect will bring.
func (g gauges) Describe(out chan<- *prometheus.Desc) {
	for _, one := range g {
		out <- one.desc
	}
}

// Collect reads all numbers.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	for _, one := range g {
		out <- prometheus.MustNewConstMetric(one.desc, one.kind, one.read())
	}
}

func (g *gauges) add(kind prometheus.ValueType, name, help string, read func() float64) {
	*g = append(*g, gauge{prometheus.NewDesc(name, help, nil, nil), kind, read})
}

func newBackupMetrics(s *backup.Schedule) (g gauges) {
	g.add(prometheus.CounterValue, "limitd_scheduled_snapshots_total", "Scheduled snapshots that this node took since its start.",
		func() float64 { return float64(s.Status().Taken) })
	g.add(prometheus.CounterValue, "limitd_failed_scheduled_snapshots_total", "Scheduled snapshots that failed since the start; each is tried again.",
		func() float64 { return float64(s.Status().Failed) })
	g.add(prometheus.GaugeValue, "limitd_scheduled_snapshot_timestamp_seconds", "When this node's newest scheduled snapshot was taken, unix time; 0: there is none.",
		func() float64 {
			if at := s.Status().Last; !at.IsZero() {
				return float64(at.Unix())
			}
			return 0
		})
	g.add(prometheus.GaugeValue, "limitd_scheduled_snapshot_bytes", "Size of this node's newest scheduled snapshot.",
		func() float64 { return float64(s.Status().Bytes) })
	return g
}
