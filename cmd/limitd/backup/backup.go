// Package backup keeps snapshots of a cluster as files: on disk whole or not at
// all, read back and checked before they bear their name, and taken by a schedule
// with the older ones removed.
//
//	contents, err := backup.Write("/backups/today.snapshot", func(w io.Writer) error {
//		return replica.Freeze().Write(w)
//	})
package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/limitd/limitd/fsm/limit"
)

// temporary begins the name of a file that is not whole yet.
const temporary = ".limitd-snapshot-"

// Write has write put a snapshot into a new file, reads that back, and gives it
// the name path; a file of that name is replaced. After a crash at any instant
// path is as it was, or whole. It tells what is in the snapshot.
func Write(path string, write func(io.Writer) error) (limit.Contents, error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, temporary+"*")
	if err != nil {
		return limit.Contents{}, fmt.Errorf("make a file in %s: %w", dir, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where it got its name
	contents, err := fill(f, write)
	if err = errors.Join(err, f.Close()); err != nil {
		return limit.Contents{}, fmt.Errorf("write %s: %w", path, err)
	}
	if err = os.Rename(f.Name(), path); err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return limit.Contents{}, fmt.Errorf("write %s: %w", path, err)
	}
	return contents, nil
}

// fill has write put a snapshot into f, has it on disk, and reads it back.
func fill(f *os.File, write func(io.Writer) error) (limit.Contents, error) {
	out := bufio.NewWriterSize(f, 1<<20)
	if err := write(out); err != nil {
		return limit.Contents{}, err
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return limit.Contents{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return limit.Contents{}, err
	}
	return limit.Inspect(f)
}

// Read tells what is in the snapshot at path, and checks it. Its errors are those
// of limit.Inspect, and of the file system.
func Read(path string) (limit.Contents, error) {
	f, err := os.Open(path)
	if err != nil {
		return limit.Contents{}, err
	}
	defer func() { _ = f.Close() }()
	c, err := limit.Inspect(f)
	if err != nil {
		return limit.Contents{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
