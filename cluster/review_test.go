package cluster_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// TestABackupOfALongerLogIsRestored: ages of waiters and revisions of limits
// are indexes of the log. A backup whose log had gone further than this
// cluster's must not meet them a second time.
func TestABackupOfALongerLogIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := three(t, 1)
		for range 200 {
			op(t, old, "", &command.Read{}, 0)
		}
		granted(t, op(t, old, "a", acquire("db", 0), 0))
		elder := op(t, old, "b", acquire("db", time.Hour), 0).Result.(*command.Waiting)
		var backup bytes.Buffer
		if err := old.Leader().R().Snapshot(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}

		c := clustertest.Start(t, clustertest.Options{Nodes: 3, Seed: 7})
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes())); err != nil {
			t.Fatal(err)
		}
		a := op(t, c, "c", acquire("db", time.Hour), 0)
		younger := a.Result.(*command.Waiting)
		if younger.Age <= elder.Age {
			t.Errorf("a newcomer's age is %d, and who waited before it has %d", younger.Age, elder.Age)
		}
		if a.Index <= elder.Age {
			t.Errorf("the log goes on at %d, and the backup knows %d", a.Index, elder.Age)
		}
	})
}
