package cluster

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// TestTheContentOfASnapshot is read where it is wanted. Else it is drained before
// raft is told, and raft, which drains what it refuses, finds the end.
func TestTheContentOfASnapshot(t *testing.T) {
	for _, why := range []error{nil, errHeld, errDisowned} {
		asked, stream := 0, strings.NewReader("a snapshot")
		c := &content{Reader: stream, refuse: func() error { asked++; return why }}
		got, err := io.ReadAll(c)
		if want := map[bool]string{true: "a snapshot"}[why == nil]; string(got) != want || !errors.Is(err, why) {
			t.Errorf("%v: %q, %v", why, got, err)
		}
		if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil || stream.Len() > 0 || asked != 1 {
			t.Errorf("%v: %d bytes are left, then %q, %v; asked %d times", why, stream.Len(), rest, err, asked)
		}
	}
}

// brought is a node whose state is a backup that was restored as entry 713, in
// term 9, with an entry behind it that was never committed.
type brought struct{ unconfirmed, disowned bool }

func (b *brought) AppliedIndex() uint64 { return 713 }
func (b *brought) LastIndex() uint64    { return 714 }
func (b *brought) LogTerm(index uint64) (uint64, bool) {
	return 9, index == 714
}
func (b *brought) Brought() (index, term uint64, ok bool) { return 713, 9, b.unconfirmed }
func (b *brought) Disowned()                              { b.disowned = true }

func (b *brought) Lose(uint64, uint64) {}

func (b *brought) Follows(raft.ServerID, uint64) bool { return false }
func (b *brought) Contradicts(*raft.Log) bool         { return false }
func (b *brought) Contradicted(*raft.Log)             {}

// TestABackupThatTheClusterDidNotTake: a node that has it must not go on from it
// under a leader that has not.
func TestABackupThatTheClusterDidNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		unconfirmed              bool
		leader, entry, entryTerm uint64
		disowned                 bool
	}{
		"an entry before it, of a later leader":         {true, 10, 712, 8, true},
		"another entry in its place, of a later leader": {true, 10, 713, 10, true},
		"the log from its beginning, of a later leader": {true, 10, 0, 0, true},
		"a later leader has it":                         {true, 10, 713, 9, false},
		"a later leader has more":                       {true, 10, 720, 10, false},
		"a late call of the leader that restored it":    {true, 9, 712, 8, false},
		"something was applied behind it":               {false, 10, 712, 8, false},
	} {
		t.Run(name, func(t *testing.T) {
			node := &brought{unconfirmed: c.unconfirmed}
			n := newIntake()
			n.node = node
			if got := n.isDisowned(c.leader, c.entry, c.entryTerm); got != c.disowned || node.disowned != c.disowned {
				t.Errorf("disowned: %v, and stopped: %v", got, node.disowned)
			}
		})
	}
}
