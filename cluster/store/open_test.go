package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

func open(t *testing.T, dir string, kind Kind) (*Stores, error) {
	t.Helper()
	s, err := Open(dir, Options{Kind: kind, Rand: rand.Reader, Logger: hclog.NewNullLogger()})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func mustOpen(t *testing.T, dir string, kind Kind) *Stores {
	t.Helper()
	s, err := open(t, dir, kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestADirectoryKeepsItsNodeAndLog(t *testing.T) {
	for _, kind := range []Kind{Bolt, WAL} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, kind)
			id := s.ID
			g := NewGuard(s.Log, s.Stable, func(err error) { t.Error(err) })
			for i := range uint64(10) {
				if err := g.Logs().StoreLog(entry(i + 1)); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(g.Stable().SetUint64([]byte("CurrentTerm"), 7), s.SetPromise("them"), s.SetClusterID("c0ffee")); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, dir, kind); err == nil || !strings.Contains(err.Error(), "another process") {
				t.Fatalf("opened twice: %v", err)
			}
			if err := errors.Join(g.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, dir, kind)
			g = NewGuard(s.Log, s.Stable, func(err error) { t.Error(err) })
			defer g.Close()
			var e raft.Log
			if err := g.Logs().GetLog(10, &e); err != nil || e.Index != 10 || e.Term != 3 {
				t.Fatalf("%+v %v", e, err)
			}
			term, err := g.Stable().GetUint64([]byte("CurrentTerm"))
			promise, _ := s.Promise()
			cluster, _ := s.ClusterID()
			if err != nil || term != 7 || s.ID != id || promise != "them" || cluster != "c0ffee" {
				t.Fatalf("term %d, id %s, promise %s, cluster %s, %v", term, s.ID, promise, cluster, err)
			}
		})
	}
}

func TestTheKindOfStoreIsNotChangedUnderway(t *testing.T) {
	for from, to := range map[Kind]Kind{Bolt: WAL, WAL: Bolt} {
		dir := t.TempDir()
		s := mustOpen(t, dir, from)
		g := NewGuard(s.Log, s.Stable, func(err error) { t.Error(err) })
		if err := errors.Join(g.Logs().StoreLog(entry(1)), g.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, dir, to); !errors.Is(err, ErrOtherStore) {
			t.Fatalf("%s opened as %s: %v", from, to, err)
		}
	}
	if _, err := open(t, t.TempDir(), "paper"); err == nil {
		t.Fatal("opened an unknown kind")
	}
}

func TestALogWithoutItsIDIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := mustOpen(t, dir, Bolt).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, idFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, Bolt); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), idFile) {
		t.Fatalf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, idFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, Bolt); err == nil {
		t.Fatal("opened with an empty id")
	}
}

// A node that belongs to a cluster, or was about to form one, does not begin anew
// under its id. One that was killed before it got so far does.
func TestALostLogIsDamage(t *testing.T) {
	joined := func(s *Stores) error { return s.SetClusterID("c0ffee") }
	promised := func(s *Stores) error { return s.SetPromise("them") }
	neither := func(*Stores) error { return nil }
	remove := func(path string) error { return os.RemoveAll(path) }
	empty := func(path string) error { return os.Truncate(path, 0) }
	for name, tt := range map[string]struct {
		kind    Kind
		belongs func(*Stores) error
		lose    func(string) error
		file    string
		damaged bool
	}{
		"the log":               {Bolt, joined, remove, "raft.db", true},
		"before it was formed":  {Bolt, promised, remove, "raft.db", true},
		"an empty log":          {Bolt, joined, empty, "raft.db", true},
		"the vote beside a wal": {WAL, joined, remove, "raft.db", true},
		"the wal":               {WAL, joined, remove, "wal", true},
		"the wal's index":       {WAL, joined, empty, "wal/wal-meta.db", true},
		"of a new node":         {Bolt, neither, remove, "raft.db", false},
		"the wal of a new node": {WAL, neither, remove, "wal", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, tt.kind)
			if err := errors.Join(tt.belongs(s), s.Close(), tt.lose(filepath.Join(dir, tt.file))); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, dir, tt.kind); errors.Is(err, ErrDamaged) != tt.damaged || !tt.damaged && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAFlippedBitInANoteIsDamage flips each bit of the files that say who a node
// is: with another id it would vote twice.
func TestAFlippedBitInANoteIsDamage(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Bolt)
	cluster := strings.Repeat("c0ffee11", 4)
	if err := errors.Join(s.SetPromise(s.ID), s.SetClusterID(cluster), s.Close()); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		s, err := Open(dir, Options{Rand: rand.Reader, Logger: hclog.NewNullLogger()})
		if err != nil {
			return err
		}
		_, err = s.Promise()
		_, clusterErr := s.ClusterID()
		return errors.Join(err, clusterErr, s.Close())
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{idFile, formedFile, clusterFile} {
		path := filepath.Join(dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range 8 * len(content) {
			content[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := read(); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%s with bit %d flipped: %v", name, bit, err)
			}
			content[bit/8] ^= 1 << (bit % 8)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnEarlyDirectoryIsOpened: its files have no checksums.
func TestAnEarlyDirectoryIsOpened(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Bolt)
	id, cluster := s.ID, strings.Repeat("c0ffee11", 4)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{idFile: id, formedFile: id, clusterFile: cluster} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = mustOpen(t, dir, Bolt)
	promise, err := s.Promise()
	known, clusterErr := s.ClusterID()
	if err := errors.Join(err, clusterErr, s.Close()); err != nil || s.ID != id || promise != id || known != cluster {
		t.Errorf("node %s, promise %s, cluster %s: %v", s.ID, promise, known, err)
	}
}

// TestADamagedDatabaseIsRefused spoils what bbolt itself looks at when it opens.
func TestADamagedDatabaseIsRefused(t *testing.T) {
	key := func(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }
	spoils := map[string]func([]byte) []byte{
		"keys out of order": func(b []byte) []byte { return bytes.ReplaceAll(b, key(150), key(9000)) },
		"no meta page":      func(b []byte) []byte { clear(b[:8192]); return b },
	}
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, Bolt)
			for i := range uint64(400) {
				if err := s.Log.StoreLog(entry(i + 1)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "raft.db")
			content, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, spoil(content), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, dir, Bolt); !errors.Is(err, ErrDamaged) {
				t.Fatalf("opened: %v", err)
			}
		})
	}
}

func TestHalfARestoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Bolt)
	if err := errors.Join(s.MarkRestore(true), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, Bolt); !errors.Is(err, ErrHalfRestored) {
		t.Fatalf("got %v", err)
	}
	if err := errors.Join(s.MarkRestore(false), s.MarkRestore(false)); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir, Bolt)
}

func TestIDsAreUUIDs(t *testing.T) {
	a, err := NewID(rand.Reader)
	b, _ := NewID(rand.Reader)
	if err != nil || len(a) != 36 || a[14] != '4' || a == b {
		t.Fatalf("%s %s %v", a, b, err)
	}
}

func TestFreeSpaceIsKnown(t *testing.T) {
	if n, err := Free(t.TempDir()); err != nil || n == 0 {
		t.Fatalf("%d %v", n, err)
	}
}

func TestTheReserveIsTakenAndGivenUp(t *testing.T) {
	dir := t.TempDir()
	free, err := Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, reserveFile)
	log := hclog.NewNullLogger()
	if err := keepReserve(dir, 1<<20, log); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("with plenty of space: %v", err)
	}
	if err := keepReserve(dir, int64(min(free, 1<<50))*100, log); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("the reserve was kept though the disk has less than a quarter of it left")
	}
	if err := keepReserve(dir, int64(min(free, 1<<50))*100, log); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a reserve was taken of a disk that lacks the space")
	}
}
