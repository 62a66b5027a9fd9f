//go:build unix && !solaris && !illumos

package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes this process can still write to the disk of dir.
func Free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("read the free space of %s: %w", dir, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
