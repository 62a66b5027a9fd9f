package workload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/limitd/limitd/jepsen/history"
)

// Steps name limits as if their lane were the only one; what is sent, and
// recorded, bears the lane: "sem" is sem in the first, sem-2 in the second.

// ownName returns what a limit is called in the caller's lane.
func (c *caller) ownName(name string) string {
	if c.lane == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, c.lane+1)
}

// own returns a copy of list with the names of the caller's lane.
func (c *caller) own(list []history.Want) []history.Want {
	list = slices.Clone(list)
	for i := range list {
		list[i].Name = c.ownName(list[i].Name)
	}
	return list
}

// inLane tells whether a recorded name is that of a limit in any lane.
func inLane(recorded, name string) bool {
	rest, ok := strings.CutPrefix(recorded, name)
	return ok && (rest == "" || rest[0] == '-')
}
