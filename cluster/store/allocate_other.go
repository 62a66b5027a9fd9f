//go:build !linux

package store

import "os"

// allocate gives f size bytes of disk by writing them.
func allocate(f *os.File, size int64) error {
	block := make([]byte, 1<<20)
	for size > 0 {
		n, err := f.Write(block[:min(int64(len(block)), size)])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}
