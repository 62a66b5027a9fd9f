//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/limitd/limitd/jepsen/nemesis"
	"golang.org/x/sys/unix"
)

// volume is a small file system in memory, mounted where a node has its data.
type volume struct{ dir string }

// volumeSize is enough for what a node keeps free, and little enough to fill.
const volumeSize = 384 << 20

// newVolume mounts one. It is an error where this machine, or this user, does not
// allow it.
func newVolume(dir string) (*volume, error) {
	if !nemesis.IsPrivate() {
		return nil, errors.New("mounts take root, and a mount namespace")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	if err := unix.Mount("limitd", dir, "tmpfs", 0, fmt.Sprintf("size=%d", volumeSize)); err != nil {
		return nil, fmt.Errorf("mount a file system: %w", err)
	}
	return &volume{dir}, nil
}

func (v *volume) filler() string { return filepath.Join(v.dir, "filler") }

// fill takes all space but so many bytes.
func (v *volume) fill(spare int64) error {
	f, err := os.OpenFile(v.filler(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close()
	var now unix.Statfs_t
	if err := unix.Statfs(v.dir, &now); err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	size, more := info.Size(), int64(now.Bavail)*now.Bsize-spare
	for piece := more; piece >= 4096 && more > 0; { // in pieces: a node may take some meanwhile
		switch err := unix.Fallocate(int(f.Fd()), 0, size, min(piece, more)); {
		case err == nil:
			size, more = size+min(piece, more), more-min(piece, more)
		case errors.Is(err, unix.ENOSPC):
			piece /= 2
		default:
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// free gives the space back.
func (v *volume) free() error { return os.Remove(v.filler()) }

// readOnly has it refuse writes, or take them again. No process may have a file
// of it open.
func (v *volume) readOnly(yes bool) error {
	flags := uintptr(unix.MS_REMOUNT)
	if yes {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("limitd", v.dir, "tmpfs", flags, fmt.Sprintf("size=%d", volumeSize)); err != nil {
		return fmt.Errorf("mount the disk anew: %w", err)
	}
	return nil
}

// unmount takes it off, whoever has it open; its content is gone.
func (v *volume) unmount() error { return unix.Unmount(v.dir, unix.MNT_DETACH) }
