package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/limitd/limitd/jepsen/nodes"
)

// exitNewer is the exit code of a node whose data a newer version has written.
const exitNewer = 76

// unknownRecord puts a record of a kind that no version has behind a node's
// log, as a newer leader might: the node has to stop, and to say why.
func unknownRecord(ctx context.Context, g ground) (found finding, err error) {
	c, n, err := g.start(ctx)
	if c != nil {
		defer c.Close()
	}
	if err == nil {
		err = errors.Join(makeLimit(ctx, n, 5), c.Stop(n))
	}
	if err == nil {
		err = appendUnknown(filepath.Join(n.Dir(), "raft.db"))
	}
	if err == nil {
		err = c.Restart(n)
	}
	if err != nil {
		return found, err
	}
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if n.WaitReady(soon) == nil {
		return finding{"unknown", "a node goes on past a record of an unknown kind, and says that it is ready"}, nil
	}
	return judgeEnd(n)
}

// judgeEnd looks at how the node ended.
func judgeEnd(n *nodes.Node) (finding, error) {
	end, dead := n.Ended()
	if !dead {
		return finding{}, fmt.Errorf("%s is neither ready nor at its end", n.Name)
	}
	log, err := os.ReadFile(n.Log())
	if err != nil {
		return finding{}, fmt.Errorf("read the node's log: %w", err)
	}
	if end.Code != exitNewer || !strings.Contains(string(log), "of a newer version of limitd") {
		return finding{"unknown", fmt.Sprintf("a node that met a record of an unknown kind ended with code %d, and does not say why", end.Code)}, nil
	}
	return finding{}, nil
}

// appendUnknown appends an entry with a record of kind 99 to a log.
func appendUnknown(path string) error {
	log, err := raftboltdb.New(raftboltdb.Options{Path: path})
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	last, err := log.LastIndex()
	var before raft.Log
	if err == nil {
		err = log.GetLog(last, &before)
	}
	if err == nil {
		e := &raft.Log{Index: last + 1, Term: before.Term, Type: raft.LogCommand, Data: unknown(before.Term)}
		e.Extensions = seal(e)
		err = log.StoreLog(e)
	}
	return errors.Join(err, log.Close())
}

// unknown returns a record as fsm/command lays it out, of a kind that it lacks.
func unknown(term uint64) []byte {
	b := make([]byte, 39)
	b[0], b[1] = 1, 99
	binary.LittleEndian.PutUint64(b[14:], term)
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint32(b[2:], crc32.Update(crc32.Checksum(b[:2], table), table, b[6:]))
	return b
}

// seal returns the checksum that cluster/store keeps with an entry.
func seal(e *raft.Log) []byte {
	head := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, e.Index), e.Term)
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(append(head, byte(e.Type)), table), table, e.Data)
	return binary.LittleEndian.AppendUint32(nil, sum)
}
