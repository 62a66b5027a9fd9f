package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// filled makes a data directory with a log of many pages, and returns the bytes of
// its file.
func filled(t *testing.T, dir string) []byte {
	t.Helper()
	s := mustOpen(t, dir, Bolt)
	g := NewGuard(s.Log, s.Stable, func(err error) { t.Error(err) })
	entries := make([]*raft.Log, 300)
	for i := range entries {
		entries[i] = entry(uint64(i + 1))
	}
	if err := g.Logs().StoreLogs(entries); err != nil {
		t.Fatal(err)
	}
	if err := g.Logs().DeleteRange(1, 40); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Stable().SetUint64([]byte("CurrentTerm"), 7), g.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "raft.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDamagedPagesAreRefused spoils one page after the other. A directory opens
// where the page was free, and is refused, with what is wrong, where it was used;
// bbolt, which would end the process, never sees it.
func TestDamagedPagesAreRefused(t *testing.T) {
	dir := t.TempDir()
	whole := filled(t, dir)
	path, size := filepath.Join(dir, "raft.db"), os.Getpagesize()
	pages := int(binary.LittleEndian.Uint64(whole[pageHead+40:]))
	for name, spoil := range map[string]func(b []byte, at int) []byte{
		"zero":             func(b []byte, at int) []byte { clear(b[at : at+size]); return b },
		"another page":     func(b []byte, at int) []byte { b[at]++; return b },
		"another kind":     func(b []byte, at int) []byte { b[at+8] = 0x10; return b },
		"too many":         func(b []byte, at int) []byte { b[at+10], b[at+11] = 0xff, 0xff; return b },
		"too long":         func(b []byte, at int) []byte { b[at+14] = 0xff; return b },
		"a key too far":    func(b []byte, at int) []byte { b[at+pageHead+6], b[at+pageHead+3] = 0xff, 0x7f; return b },
		"the file is cut":  func(b []byte, at int) []byte { return b[:at] },
		"and in the midst": func(b []byte, at int) []byte { return b[:at+100] },
	} {
		refused := 0
		for page := 2; page < pages; page++ {
			if err := os.WriteFile(path, spoil(bytes.Clone(whole), page*size), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, Options{Kind: Bolt, Logger: hclog.NewNullLogger()})
			switch {
			case errors.Is(err, ErrDamaged) && strings.Contains(err.Error(), path):
				refused++
			case err != nil:
				t.Fatalf("%s, page %d: %v", name, page, err)
			default:
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if refused < 5 {
			t.Errorf("%s: %d of %d pages were missed", name, refused, pages)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir, Options{Kind: Bolt, Logger: hclog.NewNullLogger()}); err != nil || s.Close() != nil {
		t.Errorf("whole again: %v", err)
	}
}

// TestWhatAStorePanicsWithIsFatal: bbolt panics over what cannot be, and a page of
// a mapped file that the disk does not give is a fault of memory.
func TestWhatAStorePanicsWithIsFatal(t *testing.T) {
	a := newAlarm()
	g := NewGuard(panicking{}, newMemoryStable(), a.fatal)
	for name, use := range map[string]func() error{
		"read":  func() error { return g.Logs().GetLog(1, new(raft.Log)) },
		"write": func() error { return g.Logs().StoreLog(entry(1)) },
		"end":   func() error { _, err := g.Logs().LastIndex(); return err },
	} {
		go func() { _ = use() }()
		if err := a.wait(); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "page 7") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// panicking is a log whose file is not what it should be.
type panicking struct{ raft.LogStore }

func (panicking) LastIndex() (uint64, error)     { panic("page 7") }
func (panicking) GetLog(uint64, *raft.Log) error { panic("page 7") }
func (panicking) StoreLogs([]*raft.Log) error    { panic("page 7") }
