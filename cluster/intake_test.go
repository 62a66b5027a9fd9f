package cluster_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// TestALateSnapshotIsNotInstalled: one from before what the node holds must not
// put it back, nor cost it entries that it has promised. The leader learns that
// it may go on.
func TestALateSnapshotIsNotInstalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.installs(second)
		l.isHeld("one older than the state", first)
		l.isHeld("the state's", second)
		l.appends(second.Index, third.Index+1, second.Index+1)
		l.isHeld("the state's of before, with entries behind it", second)
		l.isHeld("one that the log holds, and more", third)
		l.term++
		l.isHeld("an old one of a new term", first)
		if got := l.node.R().Status(); got.Term != l.term || got.LastIndex != third.Index+1 {
			t.Errorf("its term is %d and its log ends at %d, want %d and %d", got.Term, got.LastIndex, l.term, third.Index+1)
		}
		l.appends(third.Index+1, third.Index+2, third.Index+2)
		l.installs(l.snapshot())
		sleep(t, 5*time.Second) // what went back would be fatal by then
	})
}

// TestASnapshotOfAnOlderTermIsRaftsToRefuse, whatever it would bring.
func TestASnapshotOfAnOlderTermIsRaftsToRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.term = 9
		l.installs(second)
		l.term = 8
		for _, s := range []pastSnapshot{first, third} {
			if resp, err := l.send(s); err != nil || resp.Success || resp.Term != 9 {
				t.Errorf("the snapshot up to %d: %+v, %v", s.Index, resp, err)
			}
		}
	})
}

// TestEntriesFromBeforeASnapshotAreHeld: the leader does not know of the
// snapshot, which the one before it sent, and must not have to go back.
func TestEntriesFromBeforeASnapshotAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.installs(second)
		l.appends(first.Index, first.Index, first.Index)
		l.appends(first.Index, first.Index+2, first.Index+2)
		l.appends(first.Index+2, second.Index, second.Index)
		if got := l.node.R().Status(); got.Applied != second.Index || got.LastIndex != second.Index {
			t.Fatalf("it went from the snapshot up to %d to %+v", second.Index, got)
		}
		l.appends(first.Index+2, third.Index, third.Index)
		if got := l.node.R().Status(); got.Applied != third.Index || got.LastIndex != third.Index {
			t.Fatalf("its state ends at %d and its log at %d, want %d", got.Applied, got.LastIndex, third.Index)
		}
	})
}

// TestNoOlderLogOutlivesASnapshot: what the log had may never have been
// committed, and would go to others as part of the log once this node leads; also
// where the node is killed before the log is emptied.
func TestNoOlderLogOutlivesASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.installs(first)
		l.term++
		l.sendEntries(first.Index, first.Index, l.tail(first.Index, 3))
		var stored raft.Log // with its checksum
		if err := l.node.Stores.Log.GetLog(first.Index+3, &stored); err != nil {
			t.Fatal(err)
		}
		l.term++
		l.installs(second)
		l.hasNoLog()
		l.installs(third)
		l.own.Kill(l.node)
		if err := l.node.Stores.Log.StoreLog(&stored); err != nil {
			t.Fatal(err)
		}
		l.own.Restart(l.node)
		l.hasNoLog()
		if got := l.node.R().Status(); got.Applied != third.Index || got.LastIndex != third.Index {
			t.Errorf("it came back with %+v, want %d", got, third.Index)
		}
	})
}

func (l *pastLeader) hasNoLog() {
	l.t.Helper()
	if first, err := l.node.Stores.Log.FirstIndex(); first != 0 || err != nil {
		l.t.Errorf("the log begins at %d, %v", first, err)
	}
}

// TestATailThatWasNeverCommittedGivesWay: entries from before the snapshot say
// nothing of what the log has behind it.
func TestATailThatWasNeverCommittedGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.installs(second)
		l.term++
		l.sendEntries(second.Index, second.Index, l.tail(second.Index, 3))
		l.term++
		l.appends(first.Index, second.Index-1, third.Index)
		l.appends(first.Index, second.Index, third.Index)
		if got := l.node.R().Status(); got.Applied != second.Index {
			t.Fatalf("the tail was committed: the state went on to %d", got.Applied)
		}
		l.appends(second.Index, third.Index, third.Index)
		var e, want raft.Log
		at := second.Index + 1
		if err := errors.Join(l.node.Stores.Log.GetLog(at, &e), l.past.Nodes()[0].Stores.Log.GetLog(at, &want)); err != nil || e.Term != want.Term {
			t.Fatalf("entry %d has term %d, want %d (%v)", at, e.Term, want.Term, err)
		}
		if got := l.node.R().Status(); got.Applied != third.Index {
			t.Fatalf("the state ends at %d, want %d", got.Applied, third.Index)
		}
	})
}

// TestATailBeyondASnapshotGivesWay: raft goes on believing in it when the log was
// emptied. The leader's entries in its place are taken.
func TestATailBeyondASnapshotGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPastLeader(t)
		first, second, third := l.snapshot(), l.snapshot(), l.snapshot()
		l.installs(first)
		l.term++
		l.sendEntries(first.Index, first.Index, l.tail(first.Index, int(third.Index-first.Index)))
		l.term++
		l.installs(second)
		l.isHeld("the one that was just installed", second)
		l.appends(second.Index, second.Index+1, second.Index+1)
		if got := l.node.R().Status(); got.Applied != second.Index+1 || got.LastIndex != second.Index+1 {
			t.Errorf("it went from the snapshot up to %d to %+v", second.Index, got)
		}
		l.appends(second.Index+1, third.Index, third.Index)
	})
}

// pastLeader plays a cluster's log, and its snapshots, to a node that waits to
// be added, in whatever order a network may bring them.
type pastLeader struct {
	t    *testing.T
	past *clustertest.Cluster // of one node, whose log is played
	link *clustertest.Transport
	own  *clustertest.Cluster // node's
	node *clustertest.Node    // that is played to
	term uint64
}

// pastSnapshot is one of its snapshots.
type pastSnapshot struct {
	raft.SnapshotMeta
	data []byte
}

func newPastLeader(t *testing.T) *pastLeader {
	past := clustertest.Start(t, clustertest.Options{Nodes: 1})
	c := clustertest.Start(t, clustertest.Options{Nodes: 1, Seed: 2, Change: func(_ *clustertest.Node, cfg *cluster.Config) {
		cfg.Form.Expect = 0
	}})
	term := past.Leader().R().Status().Term
	return &pastLeader{t: t, past: past, link: c.Stranger("past:7481"), own: c, node: c.Nodes()[0], term: term}
}

// snapshot lets the past go on for a while, and takes a snapshot of it.
func (l *pastLeader) snapshot() pastSnapshot {
	l.t.Helper()
	for range 5 {
		op(l.t, l.past, "", &command.Tick{}, 0)
	}
	n := l.past.Leader()
	if err := n.R().Snapshot(l.t.Context(), io.Discard); err != nil {
		l.t.Fatal(err)
	}
	list, err := n.Stores.Snapshot.List()
	if err != nil {
		l.t.Fatal(err)
	}
	meta, content, err := n.Stores.Snapshot.Open(list[0].ID)
	if err != nil {
		l.t.Fatal(err)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		l.t.Fatal(err)
	}
	op(l.t, l.past, "", &command.Tick{}, 0)
	op(l.t, l.past, "", &command.Tick{}, 0)
	return pastSnapshot{*meta, data}
}

func (l *pastLeader) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("past"), Addr: []byte("past:7481")}
}

func (l *pastLeader) send(s pastSnapshot) (resp raft.InstallSnapshotResponse, err error) {
	err = l.link.InstallSnapshot(raft.ServerID(l.node.R().ID()), l.node.Addr, &raft.InstallSnapshotRequest{
		RPCHeader: l.header(), SnapshotVersion: s.Version, Term: l.term, LastLogIndex: s.Index, LastLogTerm: s.Term,
		Configuration: raft.EncodeConfiguration(s.Configuration), ConfigurationIndex: s.ConfigurationIndex, Size: s.Size,
	}, &resp, bytes.NewReader(s.data))
	return resp, err
}

func (l *pastLeader) installs(s pastSnapshot) {
	l.t.Helper()
	resp, err := l.send(s)
	if err != nil || !resp.Success {
		l.t.Fatalf("the snapshot up to %d was not installed: %+v, %v", s.Index, resp, err)
	}
}

// isHeld checks that the node says it has what a snapshot brings, and stays as it is.
func (l *pastLeader) isHeld(what string, s pastSnapshot) {
	l.t.Helper()
	before, restores := l.node.R().Status(), l.node.R().Counters().Restores
	if resp, err := l.send(s); err != nil || !resp.Success {
		l.t.Errorf("%s, up to %d: %+v, %v", what, s.Index, resp, err)
	}
	after := l.node.R().Status()
	if after.Applied != before.Applied || after.LastIndex != before.LastIndex || l.node.R().Counters().Restores != restores {
		l.t.Errorf("%s, up to %d, was installed: from %+v to %+v", what, s.Index, before, after)
	}
}

// entry returns an entry of the past.
func (l *pastLeader) entry(index uint64) *raft.Log {
	l.t.Helper()
	e := new(raft.Log)
	if err := l.past.Nodes()[0].Stores.Log.GetLog(index, e); err != nil {
		l.t.Fatal(err)
	}
	return e
}

// tail makes n entries of the term behind index that the past does not know.
func (l *pastLeader) tail(index uint64, n int) (list []*raft.Log) {
	for i := range n {
		e := l.entry(index + 1 + uint64(i))
		e.Term, e.Extensions = l.term, nil
		list = append(list, e)
	}
	return list
}

// appends sends the entries of the past behind from up to to, of which those up
// to commit are committed, and waits until the node has applied those.
func (l *pastLeader) appends(from, to, commit uint64) {
	l.t.Helper()
	var entries []*raft.Log
	for i := from + 1; i <= to; i++ {
		entries = append(entries, l.entry(i))
	}
	l.sendEntries(from, commit, entries)
	if err := l.node.R().AwaitApplied(l.t.Context(), min(to, commit)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *pastLeader) sendEntries(from, commit uint64, entries []*raft.Log) {
	l.t.Helper()
	var resp raft.AppendEntriesResponse
	err := l.link.AppendEntries(raft.ServerID(l.node.R().ID()), l.node.Addr, &raft.AppendEntriesRequest{
		RPCHeader: l.header(), Term: l.term, PrevLogEntry: from, PrevLogTerm: l.entry(from).Term, LeaderCommitIndex: commit, Entries: entries,
	}, &resp)
	if err != nil || !resp.Success {
		l.t.Fatalf("%d entries behind %d were not taken: %+v, %v", len(entries), from, resp, err)
	}
	synctest.Wait() // for the state machine
}
