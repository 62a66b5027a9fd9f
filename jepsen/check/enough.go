package check

import (
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// What a run must have had at least to say anything.
const (
	leastRate = 100 // operations a second that were answered, of real processes
	leastOps  = 25  // operations of a simulated run: its callers may wait most of the time, and its cluster be down
)

// Enough tells why a run says too little to count: hardly any traffic, a
// nemesis that never struck, or an end that was not looked at. A run that is
// not enough has failed, whatever the checkers say.
func Enough(h *history.History) []Violation {
	r := &report{checker: "enough"}
	r.judgeTraffic(h)
	r.judgeNemesis(h)
	if h.Run.Guarded && !slices.ContainsFunc(h.Ops, isRefusedIntruder) {
		r.convict("run", nil, "nobody without a right was refused: nobody has tried")
	}
	switch {
	case h.Final == nil:
		r.convict("run", nil, "the state at the end was not looked at")
	case h.Final.Error != "":
		r.convict("run", nil, "the state at the end could not be looked at: %s", h.Final.Error)
	case len(h.Final.Nodes) < h.Run.Nodes:
		r.convict("run", nil, "at the end only %d of %d nodes were looked at", len(h.Final.Nodes), h.Run.Nodes)
	}
	return r.violations
}

func (r *report) judgeTraffic(h *history.History) {
	answered := 0
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.OK {
			answered++
		}
	}
	if h.Run.Instrument == "sim" {
		if answered < leastOps {
			r.convict("run", nil, "%d operations were answered; a simulated run needs %d", answered, leastOps)
		}
		return
	}
	rate, during := Traffic(h)
	if rate < leastRate {
		r.convict("run", nil, "%.1f operations a second were answered %s, %d in all; %d a second are needed", rate, during, answered, leastRate)
	}
}

// Traffic tells how many operations were answered a second between faults;
// where hardly any time lies between them, in those seconds in which any was:
// the others may be without a majority.
func Traffic(h *history.History) (perSecond float64, during string) {
	seconds := make([]int, int(h.Run.Duration/time.Second))
	if len(seconds) == 0 {
		return 0, "in less than a second"
	}
	for i := range h.Ops {
		at := int(h.Ops[i].Return / time.Second)
		if h.Ops[i].Outcome == history.OK && at >= 0 && at < len(seconds) {
			seconds[at]++
		}
	}
	calm := slices.Clone(seconds)
	for _, f := range h.Faults {
		first, last := int(max(0, f.From)/time.Second), int(max(0, f.From, f.To)/time.Second)
		for s := first; f.Error == "" && s <= last && s < len(calm); s++ {
			calm[s] = -1
		}
	}
	calm = slices.DeleteFunc(calm, func(n int) bool { return n < 0 })
	if len(calm) >= 3 {
		return mean(calm), "between faults"
	}
	alive := slices.DeleteFunc(slices.Clone(seconds), func(n int) bool { return n == 0 })
	if 2*len(alive) < len(seconds) {
		return mean(seconds), "over the whole run, of which most seconds had none"
	}
	return mean(alive), "in the seconds that had any"
}

func mean(counts []int) float64 {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / float64(max(1, len(counts)))
}

// judgeNemesis looks for a nemesis, or a group of them, that was asked for and
// never struck.
func (r *report) judgeNemesis(h *history.History) {
	names := strings.FieldsFunc(h.Run.Nemesis, func(c rune) bool { return c == ',' || c == '+' || c == ' ' })
	for _, name := range names {
		struck := slices.ContainsFunc(h.Faults, func(f history.Fault) bool { return (f.Kind == name || f.Group == name) && f.Error == "" })
		if !struck && name != "none" {
			r.convict("run", nil, "the nemesis %q never struck", name)
		}
	}
}
