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
		if err := c.Leader().R().Restore(t.Context(), bytes.NewReader(backup.Bytes()), 0); err != nil {
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

// TestNewSettingsGuideTheLeader: what a record changed holds for the ticks of
// the leader in office, too (T8).
func TestNewSettingsGuideTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		granted(t, op(t, c, "a", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: 3600 * second}, 0))
		op(t, c, "", &command.UpdateSettings{Set: []command.SettingChange{{Setting: command.SettingTickInterval, Value: 20 * second}}}, 0)
		sleep(t, 2*time.Second)
		before := c.Leader().R().Counters().Ticks
		sleep(t, time.Minute)
		if ticks := c.Leader().R().Counters().Ticks - before; ticks > 4 {
			t.Fatalf("%d ticks in a minute, and the interval is 20 s", ticks)
		}
	})
}

// TestAJoinedWaitIsOfInterest: a call that joins a wait shortly before its
// interest lapses keeps the place (A4).
func TestAJoinedWaitIsOfInterest(t *testing.T) {
	for i, hold := range []time.Duration{0, 9 * time.Second, 9 * time.Second, 9 * time.Second, 9 * time.Second, 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := three(t, 1)
			sleep(t, 15*time.Second+time.Duration(i)*time.Second) // at any time between two renewals
			granted(t, op(t, c, "a", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: 3600 * second}, 0))
			op(t, c, "b", acquire("db", time.Hour), 0)
			for range 2 {
				sleep(t, 14*time.Second) // interest lasts for 15 s
				a := op(t, c, "b", acquire("db", time.Hour), hold).Result
				if _, waits := a.(*command.Waiting); !waits {
					t.Fatalf("hold %v: the place was lost: %#v", hold, a)
				}
				if hold > 0 {
					break // how long ago it was renewed by then depends
				}
			}
		})
	}
}

// A place with a short linger does not lapse while its call is open (A4).
func TestAnOpenCallWithAShortLingerKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := three(t, 1)
		sleep(t, 20*time.Second)
		granted(t, op(t, c, "a", &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: 10 * second}, 0))
		waits := acquire("db", time.Hour)
		waits.Linger = second
		granted(t, op(t, c, "b", waits, 30*time.Second))
	})
}
