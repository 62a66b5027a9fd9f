package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/backup"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// save writes the snapshot of a state with one limit.
func save(w io.Writer) error {
	s := limit.New()
	h := command.Header{Term: 1}
	s.Apply(1, 1, command.Command{Header: h, Op: &command.Genesis{ClusterID: [16]byte{7}, Settings: command.DefaultSettings(), Rules: limit.Rules}})
	s.Apply(2, 1, command.Command{Header: h, Op: &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 1, Active: true}}})
	return s.Snapshot().Write(w)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriteIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.snapshot")
	c, err := backup.Write(path, save)
	if err != nil || c.Counts.Limits != 1 || c.Index != 2 {
		t.Fatalf("%+v, %v", c, err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken off")
	for name, write := range map[string]func(io.Writer) error{
		"breaks off": func(w io.Writer) error { return errors.Join(save(w), broken) },
		"is cut":     func(w io.Writer) error { _, err := w.Write(before[:len(before)-40]); return err },
		"is damaged": func(w io.Writer) error {
			b := bytes.Clone(before)
			b[len(b)/2] ^= 1
			_, err := w.Write(b)
			return err
		},
	} {
		if _, err := backup.Write(path, write); err == nil {
			t.Errorf("a snapshot that %s was written", name)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("after one that %s the one before is gone: %v", name, err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a.snapshot"}) {
		t.Errorf("left behind: %q", got)
	}
	if again, err := backup.Read(path); err != nil || again != c {
		t.Errorf("read back %+v, %v", again, err)
	}
	if _, err := backup.Write(filepath.Join(dir, "missing", "a"), save); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v", err)
	}
}

// schedule runs one in a bubble, whose clock it may wait by.
func schedule(t *testing.T, dir string, change func(*backup.Config)) (*backup.Schedule, context.CancelFunc) {
	c := backup.Config{
		Directory: dir, Interval: time.Hour, Retain: 3, Node: "n1", Logger: hclog.NewNullLogger(),
		Write: func(_ context.Context, w io.Writer) error { return save(w) },
	}
	if change != nil {
		change(&c)
	}
	s := backup.NewSchedule(c)
	ctx, cancel := context.WithCancel(t.Context())
	go s.Run(ctx)
	return s, cancel
}

// pass lets time pass, and all that is due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "backups")
		s, stop := schedule(t, dir, nil)
		pass(time.Second)
		if got := names(t, dir); len(got) != 1 || got[0] != "n1-20000101T000000.000Z.snapshot" {
			t.Fatalf("at once: %q", got)
		}
		other := filepath.Join(dir, "n12-19990101T000000.000Z.snapshot")
		if err := os.WriteFile(other, []byte("another node's"), 0o600); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Hour)
		if st := s.Status(); st.Taken != 6 || st.Failed != 0 || st.Bytes == 0 || time.Since(st.Last) > time.Hour {
			t.Errorf("%+v", st)
		}
		got := names(t, dir)
		if len(got) != 4 || got[3] != filepath.Base(other) || !strings.HasPrefix(got[0], "n1-20000101T03") {
			t.Errorf("retained: %q", got)
		}
		stop()
		synctest.Wait()

		// One that is started anew goes on where the last one stood.
		pass(30 * time.Minute)
		s, stop = schedule(t, dir, nil)
		defer stop()
		pass(29*time.Minute - time.Second)
		if st := s.Status(); st.Taken != 0 || st.Last.IsZero() {
			t.Errorf("too early: %+v", st)
		}
		pass(2 * time.Minute)
		if st := s.Status(); st.Taken != 1 {
			t.Errorf("not taken: %+v", st)
		}
	})
}

func TestAScheduleThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var works atomic.Bool
		var free atomic.Uint64
		free.Store(1 << 30)
		s, stop := schedule(t, dir, func(c *backup.Config) {
			c.Write = func(_ context.Context, w io.Writer) error {
				if !works.Load() {
					return errors.New("no leader")
				}
				return save(w)
			}
			c.Free, c.Spare = func(string) (uint64, error) { return free.Load(), nil }, 1<<20
		})
		defer stop()
		pass(150 * time.Second)
		if st := s.Status(); st.Failed != 3 || st.Taken != 0 || len(names(t, dir)) != 0 {
			t.Errorf("%+v, %q", st, names(t, dir))
		}
		works.Store(true)
		pass(time.Minute)
		if st := s.Status(); st.Taken != 1 {
			t.Errorf("it was not tried again: %+v", st)
		}
		free.Store(1 << 20) // as much as must stay, and no more
		pass(time.Hour)
		if st := s.Status(); st.Taken != 1 || st.Failed != 4 {
			t.Errorf("on a disk that is nearly full: %+v", st)
		}
	})
}

func ExampleWrite() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	c, err := backup.Write(filepath.Join(dir, "today.snapshot"), save)
	fmt.Println(c.Counts.Limits, "limit", err)
	// Output: 1 limit <nil>
}
