package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Config says when a node takes snapshots, and where they go.
type Config struct {
	Directory string        // made where it is missing
	Interval  time.Duration // between two snapshots, over restarts of the node too
	Retain    int           // how many of this node's are kept; at least 1
	Node      string        // the node's name, in the names of its files

	// Write writes a snapshot of the present state. An error is tried again a while
	// later.
	Write func(ctx context.Context, w io.Writer) error
	// Free returns how many bytes the disk of a folder has to spare; nil: nobody
	// knows, and nothing is held back.
	Free func(dir string) (uint64, error)
	// Spare is how many bytes a snapshot must leave free, beside as many as the last
	// one took: the disk may be the one that the node lives on.
	Spare  uint64
	Logger hclog.Logger
}

// Schedule takes snapshots by the clock. Several nodes may share a directory:
// each removes only files of its own.
type Schedule struct {
	cfg Config

	taken, failed, size atomic.Int64
	last                atomic.Int64 // unix ns of the newest snapshot; 0: there is none
}

// Status is how a schedule goes.
type Status struct {
	Taken, Failed int64     // since the start
	Last          time.Time // of the newest snapshot in the directory; zero: there is none
	Bytes         int64     // its size
}

// NewSchedule returns a schedule that Run begins.
func NewSchedule(c Config) *Schedule { return &Schedule{cfg: c} }

// Status returns how it goes.
func (s *Schedule) Status() Status {
	st := Status{Taken: s.taken.Load(), Failed: s.failed.Load(), Bytes: s.size.Load()}
	if at := s.last.Load(); at != 0 {
		st.Last = time.Unix(0, at)
	}
	return st
}

// again is how soon a snapshot that failed is tried again, at most.
const again = time.Minute

// Run takes snapshots until ctx ends. The first is due an interval after the
// newest that the directory has: a node that is started often takes no more of
// them, and one that was down for long takes one at once.
func (s *Schedule) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(s.due())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := s.take(ctx); err != nil && ctx.Err() == nil {
			s.failed.Add(1)
			s.cfg.Logger.Error("a scheduled snapshot failed", "directory", s.cfg.Directory, "err", err)
			if !sleep(ctx, min(again, s.cfg.Interval)) {
				return
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// due returns how long it is until the next snapshot. A newest one that is of the
// future, because somebody set the clock, is not waited for.
func (s *Schedule) due() time.Duration {
	own, err := s.own()
	if err != nil || len(own) == 0 {
		return 0
	}
	newest := own[len(own)-1]
	s.last.Store(newest.at.UnixNano())
	s.size.Store(newest.size)
	if since := time.Since(newest.at); since >= 0 {
		return max(0, s.cfg.Interval-since)
	}
	return 0
}

// take takes one snapshot, and removes those that are too many.
func (s *Schedule) take(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Directory, 0o700); err != nil {
		return err
	}
	if err := s.spare(); err != nil {
		return err
	}
	now := time.Now().UTC()
	path := filepath.Join(s.cfg.Directory, s.cfg.Node+now.Format(stamp)+suffix)
	contents, err := Write(path, func(w io.Writer) error { return s.cfg.Write(ctx, w) })
	if err != nil {
		return err
	}
	s.taken.Add(1)
	s.last.Store(now.UnixNano())
	s.size.Store(contents.Bytes)
	s.cfg.Logger.Info("took a scheduled snapshot", "file", path, "index", contents.Index, "bytes", contents.Bytes)
	return s.prune()
}

// spare tells why there is no room for a snapshot.
func (s *Schedule) spare() error {
	if s.cfg.Free == nil {
		return nil
	}
	free, err := s.cfg.Free(s.cfg.Directory)
	if err != nil {
		return err
	}
	if need := s.cfg.Spare + uint64(s.size.Load()); free < need {
		return fmt.Errorf("the disk has %d bytes free, and a snapshot wants %d: free some space, or retain fewer", free, need)
	}
	return nil
}

// prune removes the oldest of this node's snapshots until as many are left as
// are retained, and what a crash left unfinished.
func (s *Schedule) prune() error {
	own, err := s.own()
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range own[:max(0, len(own)-s.cfg.Retain)] {
		errs = append(errs, os.Remove(f.path))
	}
	left, err := filepath.Glob(filepath.Join(s.cfg.Directory, temporary+"*"))
	errs = append(errs, err)
	for _, path := range left {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > abandoned {
			errs = append(errs, os.Remove(path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove old snapshots: %w", err)
	}
	return nil
}

// abandoned is how long nobody writes to a file that a crash left unfinished; of
// another node, where several share the directory.
const abandoned = 24 * time.Hour

// A scheduled snapshot is called NODE-20060102T150405.000Z.snapshot, in UTC, so
// that names are in the order of their making.
const (
	stamp  = "-20060102T150405.000Z"
	suffix = ".snapshot"
)

// kept is a file of this node in the directory.
type kept struct {
	path string
	at   time.Time // by its name
	size int64
}

// own lists this node's snapshots, oldest first. Where the directory is missing
// there are none.
func (s *Schedule) own() (list []kept, err error) {
	entries, err := os.ReadDir(s.cfg.Directory)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		text, isOwn := strings.CutPrefix(strings.TrimSuffix(e.Name(), suffix), s.cfg.Node)
		at, perr := time.Parse(stamp, text)
		if !isOwn || perr != nil || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		info, ierr := e.Info()
		if ierr != nil {
			continue // removed meanwhile
		}
		list = append(list, kept{filepath.Join(s.cfg.Directory, e.Name()), at, info.Size()})
	}
	slices.SortFunc(list, func(a, b kept) int { return a.at.Compare(b.at) })
	return list, nil
}
