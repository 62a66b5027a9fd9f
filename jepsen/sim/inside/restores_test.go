package inside

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// backup returns what a backup of the state holds.
func (c *cluster) backup() []byte {
	c.t.Helper()
	var b bytes.Buffer
	if err := c.machine.Freeze().Write(&b); err != nil {
		c.t.Fatal(err)
	}
	return b.Bytes()
}

// restore burns an index for a backup, whose tokens go on behind newest.
func (c *cluster) restore(term uint64, backup []byte, newest uint64) {
	c.t.Helper()
	var moved bytes.Buffer
	if _, err := limit.Rewrite(bytes.NewReader(backup), &moved, limit.Restoration{Token: newest}); err != nil {
		c.t.Fatal(err)
	}
	c.install(term, moved.Bytes())
	if err := c.machine.Restore(io.NopCloser(&moved)); err != nil {
		c.t.Fatal(err)
	}
	c.born = append(c.born, c.mono)
}

// install writes a snapshot that stands at the next index.
func (c *cluster) install(term uint64, content []byte) {
	c.t.Helper()
	sink, err := c.stores.Snapshot.Create(1, uint64(len(c.born)+1), term, raft.Configuration{}, 1, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := sink.Write(content); err != nil {
		c.t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// acquire asks for a slot, stamped so much off the leader's clock.
func (c *cluster) acquire(term uint64, off int64, id string) {
	c.t.Helper()
	c.propose(term, c.mono+off, id, &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: seconds(60)})
}

// TestRestoresAreJudged restores, at 20 s, a backup that was taken at 5 s, once
// as it should be and then with one thing wrong.
func TestRestoresAreJudged(t *testing.T) {
	const behind = -15 * 1e9 // cluster time goes on from the backup's
	goesOn := func(c *cluster, off int64) {
		for i := range several {
			c.mono = seconds(float64(20 + i))
			c.acquire(2, off, fmt.Sprint("new-", i))
		}
	}
	for name, test := range map[string]struct {
		by []string
		do func(c *cluster, backup []byte)
	}{
		"innocent": {nil, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			goesOn(c, behind)
		}},
		"twice": {nil, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			c.restore(2, backup, c.token())
			goesOn(c, behind)
		}},
		"a backup of the restored state": {nil, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			c.restore(2, c.backup(), c.token())
			goesOn(c, behind)
		}},
		"its tokens were given before": {[]string{"grants"}, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			c.mono = seconds(19.7)
			c.propose(2, seconds(5), "free", &command.Release{Token: 1})
			c.acquire(2, behind, "between")
			c.mono = seconds(19.8)
			c.restore(2, backup, 0)
			goesOn(c, behind)
		}},
		"it is of another state": {[]string{"oracle"}, func(c *cluster, _ []byte) {
			c.machine.Apply(&raft.Log{Index: 6, Term: 2, Data: stamped(seconds(5), 2, "secret", &command.DeleteLimit{Name: "db"})})
			c.applied.list = c.applied.list[:len(c.applied.list)-1]
			c.restore(2, c.backup(), 0)
			goesOn(c, behind)
		}},
		"the leader keeps its clock": {[]string{"time"}, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			goesOn(c, 0)
		}},
		"the leader's clock lost time": {[]string{"time"}, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			goesOn(c, behind-2*prompt)
		}},
		"it cannot be read": {[]string{"replay"}, func(c *cluster, _ []byte) {
			c.install(2, []byte("nothing"))
			c.born = append(c.born, c.mono)
			c.acquire(2, behind, "new")
		}},
		"a node applied what is not in the log": {[]string{"replay"}, func(c *cluster, backup []byte) {
			c.restore(2, backup, 0)
			goesOn(c, behind)
			c.applied.list[6].Index-- // to where the restore is
		}},
		"nobody else had it": {nil, func(c *cluster, backup []byte) {
			c.install(2, backup)
			c.leader = "n2#1"
			for i := range several {
				c.mono = seconds(float64(20 + i))
				c.acquire(3, 0, fmt.Sprint("new-", i))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := lived(t)
				backup := c.backup()
				c.mono = seconds(19.5)
				test.do(c, backup)
				convictedBy(t, Evidence{Witness: c.witness(same), Archive: c.archive}, test.by)
			})
		})
	}
}

// token is the newest that was given.
func (c *cluster) token() (newest uint64) {
	c.machine.View(func(s *limit.State) { newest = s.Token() })
	return newest
}

// stamped is a record as it stands in the log.
func stamped(stamp int64, term uint64, id string, op command.Op) []byte {
	b := command.Encode(command.Command{Header: command.Header{ID: id}, Op: op})
	command.Stamp(b, command.Header{Stamp: stamp, Term: term})
	return b
}

// TestALeaderThatNeverAppliedItsRecords has one lead for a while, with the clock
// that it should have, and get a restored backup in place of what it stored.
func TestALeaderThatNeverAppliedItsRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := lived(t)
		backup := c.backup()
		c.leader = "n2#1"
		for i := range several {
			c.mono = seconds(float64(10 + i))
			c.acquire(3, 0, fmt.Sprint("new-", i))
		}
		c.leader, c.mono = "n1#1", seconds(20)
		c.restore(4, backup, 0)
		c.mono = seconds(21)
		c.acquire(4, -16e9, "after")
		w := c.witness(same)
		w.lives["n2#1"] = slices.DeleteFunc(w.lives["n2#1"], func(m moment) bool { return m.record && m.index > 6 && m.index < 12 })
		for i := range w.lives["n2#1"] {
			if m := &w.lives["n2#1"][i]; m.index == 13 {
				w.lives["n2#1"] = slices.Insert(w.lives["n2#1"], i, moment{mono: seconds(20), index: 12})
				break
			}
		}
		convictedBy(t, Evidence{Witness: w, Archive: c.archive}, nil)
	})
}
