package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// queued tells whether an acquire stands in the queue.
func queued(c *clustertest.Cluster, id string) (yes bool) {
	synctest.Wait()
	c.Leader().R().View(func(s *limit.State) { _, yes = s.Acquire(id) })
	return yes
}

// An acquire that has to wait lets others go first for 5 ms; the next record
// takes it along.
func TestWhoHasToWaitRides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 1})
		limitOf(t, c, "db", 1)
		first := granted(t, op(t, c, "a", acquire("db", 0), 0))
		ends := make(chan fsm.Answer, 3)
		wait := func(id string, wait time.Duration) {
			go func() { ends <- op(t, c, id, acquire("db", wait), time.Minute) }()
		}

		wait("alone", time.Minute)
		sleep(t, 4*time.Millisecond)
		if queued(c, "alone") {
			t.Error("it did not let others go first")
		}
		sleep(t, 2*time.Millisecond)
		if !queued(c, "alone") {
			t.Error("it waits for company")
		}

		wait("hasty", 99*time.Millisecond)
		if !queued(c, "hasty") {
			t.Error("one that waits for less than a tenth of a second has no time for that")
		}

		wait("rider", time.Minute)
		sleep(t, time.Millisecond)
		last := op(t, c, "", &command.Tick{}, 0)
		if !queued(c, "rider") {
			t.Error("the next record did not take it along")
		}
		op(t, c, "", &command.Release{Token: first.Token}, 0)
		if a := <-ends; a.Index <= last.Index {
			t.Errorf("granted by record %d", a.Index)
		}
		all := int64(9)
		op(t, c, "", &command.UpdateLimit{Name: "db", Slots: &all}, 0)
		<-ends
		<-ends
	})
}

// What ends while it rides was not proposed.
func TestARiderThatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 1})
		limitOf(t, c, "db", 1)
		granted(t, op(t, c, "a", acquire("db", 0), 0))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		record := command.Encode(command.Command{Header: command.Header{ID: "gone"}, Op: acquire("db", time.Minute)})
		if _, err := c.Leader().R().Run(ctx, record, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		sleep(t, time.Second)
		if queued(c, "gone") {
			t.Error("it was proposed")
		}
	})
}
