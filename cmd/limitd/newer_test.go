package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// magic is what snapshots begin with; their format follows.
const magic = "limitd snapshot\n"

// TestDataOfANewerVersionIsRefused puts into a node's data directory what the
// next version would write: a snapshot of another format or under other rules, a
// record of another format or kind, one that brings other rules. The node has to
// end with a code of its own and to name the mend, and nothing may be lost by it:
// without the newer data, it goes on.
func TestDataOfANewerVersionIsRefused(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, n := startAlone(ctx, t)
	record := func(op command.Op, kind byte, format byte) []byte {
		b := command.Encode(command.Command{Op: op})
		if b[0] = format; kind != 0 {
			b[1] = kind
		}
		return b
	}
	rules := uint64(limit.Rules + 1)
	for _, x := range []struct {
		name string
		data []byte
		says string
	}{
		{"the next format of snapshots", nextFormat(t), "format 5"},
		{"a snapshot under the next rules", underRules(t, rules), fmt.Sprintf("rules version %d, and this one knows %d", rules, limit.Rules)},
		{"the next format of records", record(&command.Tick{}, 0, 2), "format 2"},
		{"a kind of record to come", record(&command.Tick{}, 200, 1), "kind 200"},
		{"the next rules", record(&command.SetRules{Version: rules}, 0, 1), fmt.Sprintf("rules version %d comes into force, and this one knows %d", rules, limit.Rules)},
	} {
		takeBack := forge(t, n, x.data)
		said := endsAlone(ctx, t, c, n)
		if !strings.Contains(said, "start that version") || !strings.Contains(said, x.says) || strings.Contains(said, "damaged") {
			t.Errorf("%s: the node said %q", x.name, said)
		}
		takeBack()
	}
	if err := c.Restart(n); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	var l wire.Limit
	if _, err := n.Must(ctx, "GET", "/v1/limits/db", nil, &l); err != nil || l.Slots != 3 {
		t.Errorf("after all: %+v, %v", l, err)
	}
}

// startAlone returns a cluster of one that has worked, and has been stopped.
func startAlone(ctx context.Context, t *testing.T) (*nodes.Cluster, *nodes.Node) {
	t.Helper()
	binary, err := exec.LookPath("limitd")
	if err != nil {
		t.Fatal(err)
	}
	c, err := nodes.Start(nodes.Config{Binary: binary, Dir: t.TempDir(), Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	n := c.Nodes()[0]
	if err := n.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Must(ctx, "PUT", "/v1/limits/db", wire.LimitRequest{Slots: 3}, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(n); err != nil {
		t.Fatal(err)
	}
	return c, n
}

// endsAlone starts a node that has to end by itself, and returns its last line.
func endsAlone(ctx context.Context, t *testing.T, c *nodes.Cluster, n *nodes.Node) string {
	t.Helper()
	if err := c.Restart(n); err != nil {
		t.Fatal(err)
	}
	if err := n.WaitEnd(ctx); err != nil {
		t.Fatal(err)
	}
	if end, _ := n.Ended(); end.Code != exitNewer {
		t.Errorf("it ended with %d", end.Code)
	}
	said, err := os.ReadFile(n.Log())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return lines[len(lines)-1]
}

// forge adds a snapshot, or an entry to the log, behind all that a node has, and
// returns what takes it away again.
func forge(t *testing.T, n *nodes.Node, data []byte) (takeBack func()) {
	t.Helper()
	open := func() *store.Stores {
		s, err := store.Open(n.Dir(), store.Options{Logger: hclog.NewNullLogger()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	end, err := s.Log.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	var last raft.Log
	if err := s.Log.GetLog(end, &last); err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(data, []byte(magic)) {
		putSnapshot(t, s, n.Peer, last, data)
	} else {
		command.Stamp(data, command.Header{Term: last.Term})
		entry := raft.Log{Index: end + 1, Term: last.Term, Type: raft.LogCommand, Data: data}
		entry.Extensions = checksum(entry)
		if err := s.Log.StoreLog(&entry); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return func() { removeForged(t, open(), end) }
}

// checksum is what an entry of the log carries (cluster/store/logs.go).
func checksum(e raft.Log) []byte {
	head := binary.LittleEndian.AppendUint64(nil, e.Index)
	head = binary.LittleEndian.AppendUint64(head, e.Term)
	head = append(head, byte(e.Type))
	sum := crc32.Checksum(append(head, e.Data...), crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(nil, sum)
}

func removeForged(t *testing.T, s *store.Stores, end uint64) {
	t.Helper()
	last, err := s.Log.LastIndex()
	if err == nil && last > end {
		err = s.Log.DeleteRange(end+1, last)
	}
	if err == nil {
		err = os.RemoveAll(s.Dir + "/snapshots")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func putSnapshot(t *testing.T, s *store.Stores, peer string, at raft.Log, data []byte) {
	t.Helper()
	alone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(s.ID), Address: raft.ServerAddress(peer)}}}
	_, nowhere := raft.NewInmemTransport("")
	sink, err := s.Snapshot.Create(raft.SnapshotVersionMax, at.Index, at.Term, alone, 1, nowhere)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

// underRules returns a snapshot of a state under a rules version.
func underRules(t *testing.T, rules uint64) []byte {
	t.Helper()
	s := limit.New()
	s.Apply(1, 1, command.Command{Header: command.Header{Term: 1}, Op: &command.Genesis{
		ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: rules,
	}})
	var b bytes.Buffer
	if err := s.Snapshot().Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// nextFormat returns a whole snapshot of the next format.
func nextFormat(t *testing.T) []byte {
	t.Helper()
	b := underRules(t, limit.Rules)
	b[len(magic)] = 5
	body := b[:len(b)-sha256.Size]
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}
