package cluster

import (
	"testing"

	"github.com/limitd/limitd/fsm/command"
)

// TestSchedule: times in ms of cluster time; G is 100 ms, the interval 1 s.
func TestSchedule(t *testing.T) {
	const ms = int64(1e6)
	long := -tickGap
	for _, x := range []struct {
		name string
		s    schedule
		want int64 // ms; -1: never
	}{
		{"nothing is due", schedule{time: 10, due: -1, stamp: 10, tick: long}, -1},
		{"a lease ends", schedule{time: 10, due: 500, stamp: 10, tick: long}, 500},
		{"in use: a tick an interval", schedule{time: 10, due: -1, busy: true, stamp: 10, tick: long}, 1010},
		{"a lease ends before the interval", schedule{time: 10, due: 500, busy: true, stamp: 10, tick: long}, 500},
		{"any record counts for the interval", schedule{time: 10, due: -1, busy: true, stamp: 700, tick: long}, 1700},
		{"a record is under way that will play it", schedule{time: 10, due: 500, stamp: 501, tick: long}, 551},
		{"a record is under way that will not", schedule{time: 10, due: 500, stamp: 499, tick: long}, 500},
		{"a tick is under way", schedule{time: 10, due: 500, stamp: 490, tick: 490, ticking: true}, 540},
		{"a tick just was", schedule{time: 499, due: 500, stamp: 499, tick: 499}, 504},
		{"cut short: at once", schedule{time: 400, due: 400, stamp: 499, tick: 499}, 400},
		{"cut short, a tick under way", schedule{time: 400, due: 400, stamp: 499, tick: 499, ticking: true}, 549},
	} {
		s := x.s
		s.time *= ms
		s.stamp *= ms
		if s.tick != long {
			s.tick *= ms
		}
		if s.due >= 0 {
			s.due *= ms
		}
		s.settings = command.DefaultSettings()
		want := x.want * ms
		if x.want < 0 {
			want = never
		}
		if got := s.next(); got != want {
			t.Errorf("%s: %d ms, want %d", x.name, got/ms, x.want)
		}
	}
}
