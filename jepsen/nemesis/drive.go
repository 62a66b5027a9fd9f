//go:build linux

package nemesis

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is a data directory on a file system of its own: ext4 in a file, by a
// loop device. It can be full, and it can lose what was not synced.
type Disk struct {
	dir, image string
}

// diskSize is enough for the reserve that a node keeps, and little enough to fill.
const diskSize = 1 << 30

// NewDisk makes one and mounts it at dir. The mount goes with the mount
// namespace that it is made in.
func NewDisk(dir string) (*Disk, error) {
	d := &Disk{dir: dir, image: dir + ".img"}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(diskSize), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("make a disk: %w", err)
	}
	if err := command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", d.image); err != nil {
		return nil, err
	}
	return d, d.mount()
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}

func (d *Disk) mount() error { return command("mount", "-o", "loop", d.image, d.dir) }

// Unmount takes the disk off its directory. Its content stays in the file
// beside it.
func (d *Disk) Unmount() error {
	if err := unix.Unmount(d.dir, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return nil
}

func (d *Disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill takes all free space.
func (d *Disk) fill() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close()
	size := int64(0)
	for piece := int64(64 << 20); piece >= 4096; {
		switch err := unix.Fallocate(int(f.Fd()), 0, size, piece); {
		case err == nil:
			size += piece
		case errors.Is(err, unix.ENOSPC):
			piece /= 2
		default:
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// free gives the space back.
func (d *Disk) free() error {
	if err := os.Remove(d.filler()); err != nil {
		return fmt.Errorf("free the disk: %w", err)
	}
	return nil
}

// The ioctl that shuts a file system of the kernel down, and its flag that says
// not even to write the journal.
const (
	shutdownRequest = 0x8004587d // _IOR('X', 125, uint32)
	shutdownNow     = 2
)

// fail makes all further writes fail, as if the power of the machine had
// failed: what was not synced will not be on the disk.
func (d *Disk) fail() error {
	fd, err := unix.Open(d.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the disk: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetPointerInt(fd, shutdownRequest, shutdownNow); err != nil {
		return fmt.Errorf("shut the disk down: %w", err)
	}
	return nil
}

// replug mounts the disk again: the journal is played, the rest is lost. No
// process may use it.
func (d *Disk) replug() error {
	if err := unix.Unmount(d.dir, 0); err != nil {
		return fmt.Errorf("unmount the disk: %w", err)
	}
	return d.mount()
}
