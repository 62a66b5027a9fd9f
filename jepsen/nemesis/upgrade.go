//go:build linux

package nemesis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/limitd/limitd/jepsen/nodes"
)

// upgradeGroup is asked for by name: a run goes on with another build after it.
const upgradeGroup = "upgrade"

// upgrades make the nodes another build of limitd.
func upgrades() []Nemesis {
	return []Nemesis{{
		Name: "rolling-upgrade", Group: upgradeGroup, What: "SIGTERM of each node in turn, and start of another build", Lacks: settled, Start: rollingUpgrade,
	}}
}

func settled(s *Stage) string {
	if s.Clock {
		return "the wall clock is stepped, which the build to go to cannot"
	}
	if _, err := os.Stat(s.To); err != nil {
		return fmt.Sprintf("there is no build to go to: %v", err)
	}
	return ""
}

// rollingUpgrade makes one node after the other the other build, in any order.
// There may be no way back from it: the next time all are started as it again.
func rollingUpgrade(_ context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(everyone)
	if err != nil {
		return nil, err
	}
	s.shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return &Fault{On: names(list), What: "to " + filepath.Base(s.To), Mend: func(ctx context.Context) error {
		defer s.give(list)
		return s.roll(ctx, list, func(n *nodes.Node) { n.Use(s.To) })
	}}, nil
}
