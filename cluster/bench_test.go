package cluster_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
)

// BenchmarkRun is acquire and release at the leader of three nodes in one
// process, on disk and TCP, by 256 callers.
func BenchmarkRun(b *testing.B) {
	for _, kind := range []store.Kind{store.Bolt, store.WAL} {
		b.Run(string(kind), func(b *testing.B) {
			ms := fleet(b, kind)
			ask(b, ms, &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 1 << 40, Active: true}}, "")
			lead := ms[0]
			for _, m := range ms {
				if m.IsLeader() {
					lead = m
				}
			}
			var ids atomic.Int64
			b.SetParallelism(128)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := fmt.Sprintf("b%d", ids.Add(1))
					accepted, _ := lead.Now()
					a, err := lead.Run(b.Context(), command.Encode(command.Command{Header: command.Header{ID: id, Accepted: accepted}, Op: acquire("db", 0)}), 0)
					if err != nil {
						b.Error(err)
						return
					}
					g := a.Result.(*command.Granted)
					if _, err := lead.Run(b.Context(), command.Encode(command.Command{Op: &command.Release{Token: g.Token}}), 0); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
