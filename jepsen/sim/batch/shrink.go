package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/sim"
)

// Shrink looks for a part of a failing seed's schedule with which the same
// checker still convicts: it leaves out halves, quarters and so on, and in the
// end single faults, until nothing more can go or the time is up. It returns the
// places of the faults that are left, and the last report that convicted.
func (r Runner) Shrink(ctx context.Context, failed sim.Report, budget time.Duration) ([]int, sim.Report) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	keep := make([]int, len(failed.Schedule))
	for i := range keep {
		keep[i] = i
	}
	for size := len(keep); size >= 1; size /= 2 {
		for at := 0; at < len(keep) && ctx.Err() == nil; {
			less := slices.Concat(keep[:at], keep[min(at+size, len(keep)):])
			if p := r.One(ctx, failed.Seed, Keep(less)); ctx.Err() == nil && alike(failed, p) {
				keep, failed = less, p
			} else {
				at += size
			}
		}
	}
	return keep, failed
}

// alike tells whether a checker that convicted in one run does so in the other.
func alike(x, y sim.Report) bool {
	for _, v := range x.Violations {
		for _, w := range y.Violations {
			if v.Checker == w.Checker {
				return true
			}
		}
	}
	return false
}

// Keep returns the argument by which a run keeps these faults only.
func Keep(places []int) string {
	text := make([]string, len(places))
	for i, n := range places {
		text[i] = fmt.Sprint(n)
	}
	if len(places) == 0 {
		text = []string{"none"}
	}
	return "-sim.keep=" + strings.Join(text, ",")
}
