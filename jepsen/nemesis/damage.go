//go:build linux

package nemesis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/limitd/limitd/jepsen/nodes"
)

// damages spoil the files of a node that does not run. It has to refuse to
// start, or to recover; never may it go on with what it did not write.
//
// The disk that forgets what it had synced is one voter less that remembers:
// so nothing else may be wrong meanwhile, and the others must have made a record
// without the node before it comes back.
func damages() []Nemesis {
	kind := func(name, what string, spoil func(*Stage, *nodes.Node) (string, error)) Nemesis {
		return Nemesis{Name: name, Group: DiskGroup, What: what, Alone: true, Lacks: nothing, Start: func(ctx context.Context, s *Stage) (*Fault, error) {
			return s.damaged(ctx, spoil)
		}}
	}
	return []Nemesis{
		kind("torn-tail", "the end of a log file of a stopped node is lost", (*Stage).tear),
		kind("flipped-bits", "bits of a stopped node's files are flipped", (*Stage).flip),
	}
}

func (s *Stage) damaged(ctx context.Context, spoil func(*Stage, *nodes.Node) (string, error)) (*Fault, error) {
	list, err := s.take(anyone)
	if err != nil {
		return nil, err
	}
	n := list[0]
	s.Cluster.Kill(n)
	f := &Fault{On: n.Name, Mend: func(ctx context.Context) error { return s.bringBack(ctx, list) }}
	if err := s.agreeWithout(ctx, n); err != nil {
		return f, nil // then it was a kill
	}
	what, err := spoil(s, n)
	if err != nil {
		return nil, errors.Join(err, s.bringBack(ctx, list))
	}
	f.What = what
	f.Mend = func(ctx context.Context) error {
		defer s.give(list)
		did, err := s.startDamaged(ctx, n)
		f.What += did
		return err
	}
	return f, nil
}

// agreeWithout has the other nodes make a record.
func (s *Stage) agreeWithout(ctx context.Context, n *nodes.Node) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for _, other := range s.Cluster.Nodes() {
		if other != n && s.settle(ctx, other, readyTime) == nil {
			return nil
		}
	}
	return fmt.Errorf("the other nodes do not agree without %s", n.Name)
}

// startDamaged starts a node with spoilt files, and says what it did. Whether
// it refuses or recovers, it is made new afterwards: what is spoilt may show
// later.
func (s *Stage) startDamaged(ctx context.Context, n *nodes.Node) (did string, err error) {
	if err := s.Cluster.Restart(n); err != nil {
		return "", err
	}
	did = "; it went on"
	if s.settle(ctx, n, readyTime) != nil {
		did = "; it did not get ready"
	}
	if end, dead := n.Ended(); dead {
		did, err = s.refused(n, end.Code)
	}
	s.Cluster.Kill(n)
	return did, errors.Join(err, s.renew(ctx, n))
}

// refused tells how a node refused damaged files. It has to say what is wrong;
// where bbolt finds a page missing, it ends the process itself.
func (s *Stage) refused(n *nodes.Node, code int) (did string, err error) {
	did = fmt.Sprintf("; it ended with code %d", code)
	said, err := os.ReadFile(n.Log())
	if err != nil {
		return did, fmt.Errorf("read the log of %s: %w", n.Name, err)
	}
	said = said[max(0, len(said)-1<<16):]
	switch {
	case code == failStop, code == 1 && bytes.Contains(said, []byte("\nError: start the node:")):
		return did, nil
	case code == 2 && bytes.Contains(said, []byte("go.etcd.io/bbolt")):
		return did + " (bbolt's)", nil
	}
	return did, fmt.Errorf("%s ended with code %d over damaged files", n.Name, code)
}

// files returns the regular files below dir.
func files(dir string) (list []string) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			list = append(list, path)
		}
		return nil
	})
	slices.Sort(list)
	return list
}

// logFiles returns those that hold the log: the database, or the newest segment.
func logFiles(dir string) []string {
	var segments []string
	for _, f := range files(dir) {
		if filepath.Base(filepath.Dir(f)) == "wal" && strings.HasSuffix(f, ".wal") {
			segments = append(segments, f)
		}
	}
	if len(segments) > 0 {
		return segments[len(segments)-1:]
	}
	return []string{filepath.Join(dir, "raft.db")}
}

// tear cuts the end of the log off: of a database the last pages, of a segment
// what was written last.
func (s *Stage) tear(n *nodes.Node) (string, error) {
	path := logFiles(n.Dir())[0]
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the log: %w", err)
	}
	used := len(content)
	if strings.HasSuffix(path, ".wal") {
		for used > 0 && content[used-1] == 0 {
			used--
		}
	}
	lost := 1 + int(s.upTo(int64(min(used, 40_000))))
	what := fmt.Sprintf("%s: the last %d bytes are lost", filepath.Base(path), lost)
	if used == len(content) {
		return what, os.Truncate(path, int64(used-lost))
	}
	clear(content[used-lost : used])
	return what, os.WriteFile(path, content, 0o600)
}

// flip flips some bits of the files that hold the state, anywhere.
func (s *Stage) flip(n *nodes.Node) (string, error) {
	var list []string
	for _, f := range files(n.Dir()) {
		if info, err := os.Stat(f); err == nil && info.Size() > 0 && !strings.HasSuffix(f, "reserve") {
			list = append(list, f)
		}
	}
	path := logFiles(n.Dir())[0]
	if s.upTo(3) == 0 {
		path = list[s.upTo(int64(len(list)))]
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a file: %w", err)
	}
	used := len(content)
	for used > 1 && content[used-1] == 0 {
		used--
	}
	bits := 1 + int(s.upTo(40))
	for range bits {
		content[s.upTo(int64(used))] ^= 1 << s.upTo(8)
	}
	rel, _ := filepath.Rel(n.Dir(), path)
	return fmt.Sprintf("%s: %d bits flipped", rel, bits), os.WriteFile(path, content, 0o600)
}
