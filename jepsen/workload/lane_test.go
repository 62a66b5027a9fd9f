package workload

import (
	"slices"
	"strings"
	"testing"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

func TestLanesHaveLimitsOfTheirOwn(t *testing.T) {
	for _, name := range []string{"leases", "rate-oversupply", "admin", "mixed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startNode(t)
			e.Lanes = 3
			w, _ := Named(name)
			h := play(t, e, w)
			for _, v := range check.All(h) {
				for _, broken := range v.Violations {
					t.Errorf("%s: %s", broken.Checker, broken.What)
				}
			}
			lanes, of := [3]int{}, make(map[int]int) // grants by lane; a client's lane
			for _, o := range h.Ops {
				if o.Kind != history.Acquire || o.Client >= watchCaller {
					continue
				}
				lane := laneOf(o.Limits[0].Name)
				if slices.ContainsFunc(o.Limits, func(w history.Want) bool { return laneOf(w.Name) != lane }) {
					t.Fatalf("%v are of several lanes", o.Limits)
				}
				client := o.Client % twin
				if known, ok := of[client]; ok && known != lane {
					t.Fatalf("caller %d asks in lanes %d and %d", client, known, lane)
				}
				of[client] = lane
				if o.IsGrant() {
					lanes[lane]++
				}
			}
			if slices.Contains(lanes[:], 0) {
				t.Errorf("grants by lane: %v", lanes)
			}
		})
	}
}

// laneOf reads the lane out of a limit's name.
func laneOf(name string) int {
	for lane, mark := range []string{"-2", "-3"} {
		if strings.HasSuffix(name, mark) {
			return lane + 1
		}
	}
	return 0
}
