package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
)

const second = int64(time.Second)

// op runs an operation through the log and fails the test where that fails.
func op(t *testing.T, c *clustertest.Cluster, id string, o command.Op, hold time.Duration) fsm.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := c.Run(ctx, command.Command{Header: command.Header{ID: id}, Op: o}, hold)
	if err != nil {
		t.Fatalf("%v: %v", o.Kind(), err)
	}
	return a
}

func limitOf(t *testing.T, c *clustertest.Cluster, name string, slots int64) {
	t.Helper()
	op(t, c, "", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: slots, Active: true}}, 0)
}

func acquire(name string, wait time.Duration) *command.Acquire {
	return &command.Acquire{Entries: []command.Entry{{Name: name, Slots: 1}}, Wait: int64(wait)}
}

func TestAClusterForms(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.Start(t, clustertest.Options{Nodes: n})
			limitOf(t, c, "db", 1)
			a := op(t, c, "a", acquire("db", 0), 0)
			if g, ok := a.Result.(*command.Granted); !ok || g.Token == 0 {
				t.Fatalf("%d nodes: %#v", n, a.Result)
			}
		})
	}
}
