package inside

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/fsm/limit/twin"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// events takes what a state machine applies.
type events struct{ list []fsm.Event }

func (e *events) Applied(list []fsm.Event) { e.list = append(e.list, list...) }
func (e *events) Restored(*limit.State)    {}

// cluster is made up: a leader that stores records when it makes them, and a
// machine that applies them at once. A test changes what was seen of it.
type cluster struct {
	t       *testing.T
	archive *disk.Archive
	stores  *store.Stores
	machine *fsm.FSM
	applied events
	born    []int64 // when each index came to be, by the leader's clock
	leader  string
	mono    int64
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, archive: disk.NewArchive(), leader: "n1#1"}
	session := disk.New(c.archive, 1).Open(func() disk.Birth { return disk.Birth{Process: c.leader, At: time.Now(), Mono: c.mono} })
	stores, err := session.Stores("id")
	if err != nil {
		t.Fatal(err)
	}
	c.stores = stores
	c.machine = fsm.New(fsm.Config{Observer: &c.applied, Fatal: func(err error) { t.Fatal(err) }})
	t.Cleanup(c.machine.Close)
	return c
}

// propose stores and applies a record, stamped so much before its storing.
func (c *cluster) propose(term uint64, stamp int64, id string, op command.Op) {
	c.t.Helper()
	b := command.Encode(command.Command{Header: command.Header{ID: id}, Op: op})
	command.Stamp(b, command.Header{Stamp: stamp, Term: term})
	l := &raft.Log{Index: uint64(len(c.born) + 1), Term: term, Data: b}
	if err := c.stores.Log.StoreLogs([]*raft.Log{l}); err != nil {
		c.t.Fatal(err)
	}
	c.born = append(c.born, c.mono)
	c.machine.Apply(l)
}

// seconds is so many seconds in ns.
func seconds(s float64) int64 { return int64(s * 1e9) }

// lived is a cluster that has granted two slots of two, in one term.
func lived(t *testing.T) *cluster {
	c := newCluster(t)
	c.propose(2, 0, "", &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules})
	c.mono = seconds(1)
	c.propose(2, seconds(1), "put", &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 2, Active: true}})
	for i := range 4 {
		c.mono = seconds(float64(2 + i))
		c.propose(2, c.mono, fmt.Sprint("id-", i), &command.Acquire{Entries: []command.Entry{{Name: "db", Slots: 1}}, TTL: seconds(60)})
	}
	return c
}

// witness has two processes tell what they applied, each when it was stored.
func (c *cluster) witness(change func(process string, e *fsm.Event)) *Witness {
	w := NewWitness()
	for _, process := range []string{"n1#1", "n2#1"} {
		w.Began(process, 0)
		for _, e := range c.applied.list {
			change(process, &e)
			w.Note(process, c.born[e.Index-1], []fsm.Event{e})
		}
	}
	return w
}

func same(string, *fsm.Event) {}

func (c *cluster) final(digest string) *history.Final {
	return &history.Final{Index: uint64(len(c.born)), Nodes: []history.FinalNode{{Name: "n1", Digest: digest}, {Name: "n2"}}}
}

func (c *cluster) digest() string {
	sum := c.machine.Freeze().Digest()
	return hex.EncodeToString(sum[:])
}

// snapshot stores a snapshot, as it was changed, under an index.
func (c *cluster) snapshot(index uint64, change func([]byte) []byte) {
	c.t.Helper()
	taken, err := c.machine.Snapshot()
	if err != nil {
		c.t.Fatal(err)
	}
	sink, err := c.stores.Snapshot.Create(1, index, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	whole := &kept{SnapshotSink: sink}
	if err := taken.Persist(whole); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.Copy(sink, bytes.NewReader(change(whole.Bytes()))); err != nil {
		c.t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// kept keeps what is written, in the place of its sink.
type kept struct {
	raft.SnapshotSink
	bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) { return k.Buffer.Write(b) }
func (k *kept) Close() error                { return nil }

// TestJudges gives them what an innocent cluster leaves, and that with one thing
// changed: who convicts is named.
func TestJudges(t *testing.T) {
	for name, test := range map[string]struct {
		by      []string
		witness func(process string, e *fsm.Event)
		look    func(c *cluster, e *Evidence)
	}{
		"innocent": {nil, same, func(c *cluster, e *Evidence) {
			e.Final = c.final(c.digest())
			c.snapshot(uint64(len(c.born)), func(b []byte) []byte { return b })
		}},
		"a node answers otherwise": {[]string{"witness"}, func(process string, e *fsm.Event) {
			if process == "n2#1" && e.Index == 4 {
				e.Result = &command.Denied{}
			}
		}, nil},
		"a node is at another time": {[]string{"witness"}, func(process string, e *fsm.Event) {
			if process == "n2#1" && e.Index == 4 {
				e.Time++
			}
		}, nil},
		"all nodes answer otherwise": {[]string{"replay"}, func(_ string, e *fsm.Event) {
			if e.Index == 4 {
				e.Result = &command.Denied{}
			}
		}, nil},
		"nobody ever stored it": {[]string{"replay"}, func(_ string, e *fsm.Event) {
			if e.Index == 6 {
				e.Term, e.Header.Term = 3, 3
			}
		}, nil},
		"a digest differs":               {[]string{"replay"}, same, func(c *cluster, e *Evidence) { e.Final = c.final("abcdef") }},
		"a snapshot is of another index": {[]string{"snapshot"}, same, func(c *cluster, _ *Evidence) { c.snapshot(5, func(b []byte) []byte { return b }) }},
		"a snapshot is damaged": {[]string{"snapshot"}, same, func(c *cluster, _ *Evidence) {
			c.snapshot(6, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := lived(t)
				e := Evidence{Witness: c.witness(test.witness), Archive: c.archive}
				if test.look != nil {
					test.look(c, &e)
				}
				convictedBy(t, e, test.by)
			})
		})
	}
}

func convictedBy(t *testing.T, e Evidence, want []string) {
	t.Helper()
	var by, said []string
	for _, v := range Judge(e) {
		said = append(said, v.Checker+": "+v.What)
		if !slices.Contains(by, v.Checker) {
			by = append(by, v.Checker)
		}
	}
	if !slices.Equal(by, want) {
		t.Errorf("convicted by %v, not by %v: %q", by, want, said)
	}
}

// TestTheOracleIsAsked has a model that knows of more than the log tells.
func TestTheOracleIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := lived(t)
		e := Evidence{Witness: c.witness(same), Archive: c.archive}
		j := &trial{Evidence: e, pair: twin.Pair{Real: limit.New(), Model: oracle.New()}, second: true}
		for index := uint64(1); index <= 3; index++ {
			j.play(e.Witness.records[index])
		}
		j.pair.Model.Apply(4, 2, command.Command{Header: command.Header{Stamp: seconds(2), Term: 2, ID: "else"}, Op: &command.DeleteLimit{Name: "db"}})
		for index := uint64(4); index <= 6; index++ {
			j.play(e.Witness.records[index])
		}
		if len(j.violations) != 1 || j.violations[0].Checker != "oracle" || j.second {
			t.Errorf("convicted: %v", j.violations)
		}
	})
}

func TestGrantsAreJudged(t *testing.T) {
	granted := func(token uint64, occupied int64, replayed bool) *command.Granted {
		return &command.Granted{Token: token, Replayed: replayed, Limits: []command.GrantedLimit{{Name: "db", Counted: true, Occupied: occupied, Capacity: 2}}}
	}
	for name, test := range map[string]struct {
		second *command.Granted
		rule   string
	}{
		"innocent":          {granted(6, 2, false), ""},
		"replayed":          {granted(5, 2, true), ""},
		"a token twice":     {granted(5, 2, false), "S2"},
		"one slot too many": {granted(6, 3, false), "E1"},
	} {
		j := &trial{}
		j.judgeGrants(record{index: 1}, limit.Applied{Result: granted(5, 1, false)})
		j.judgeGrants(record{index: 2}, limit.Applied{Outcomes: []limit.Outcome{{Result: test.second}}})
		switch {
		case test.rule == "" && len(j.violations) == 0:
		case len(j.violations) != 1 || j.violations[0].Rule != test.rule:
			t.Errorf("%s: convicted: %v", name, j.violations)
		}
	}
}

// TestLeadersClocksAreJudged has a second term, whose leader stamps by a clock
// that is so far off what T2 gives it.
func TestLeadersClocksAreJudged(t *testing.T) {
	for name, test := range map[string]struct {
		off int64
		by  []string
	}{
		"innocent":        {0, nil},
		"a little behind": {-prompt, nil},
		"it lost the gap": {-prompt - 1, []string{"time"}},
		"it runs ahead":   {1, []string{"time"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := lived(t) // to 5 s
				for i := range several {
					c.leader, c.mono = "n2#1", seconds(float64(10+i))
					c.propose(3, c.mono+test.off, "", &command.Read{})
				}
				convictedBy(t, Evidence{Witness: c.witness(same), Archive: c.archive}, test.by)
			})
		})
	}
}

// TestARestoreForgetsOffsets has the new leader get a snapshot before it leads:
// it may go on from the state's time alone.
func TestARestoreForgetsOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := lived(t)
		for i := range several {
			c.leader, c.mono = "n2#1", seconds(float64(10+i))
			c.propose(3, seconds(float64(5+i)), "", &command.Read{}) // from 5 s on, at 10 s
		}
		w := c.witness(same)
		convictedBy(t, Evidence{Witness: w, Archive: c.archive}, []string{"time"})
		life := w.lives["n2#1"]
		at := slices.IndexFunc(life, func(m moment) bool { return m.index == 7 })
		w.lives["n2#1"] = slices.Insert(life, at, moment{mono: seconds(10), index: 6})
		convictedBy(t, Evidence{Witness: w, Archive: c.archive}, nil)
	})
}
