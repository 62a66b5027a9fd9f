package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
)

// reserveFile holds space that is given up when the disk is full: without it a
// node could not even start to compact its log, for raft writes its term first.
const reserveFile = "reserve"

// reserveShare is how many times the reserve must be free before it is taken.
const reserveShare = 10

// keepReserve takes size bytes of the disk where plenty is free, and gives them
// up at a start where nearly nothing is.
func keepReserve(dir string, size int64, log hclog.Logger) error {
	if size <= 0 {
		return nil
	}
	free, err := Free(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, reserveFile)
	_, err = os.Stat(path)
	switch kept := err == nil; {
	case kept && free < uint64(size)/4:
		log.Warn("the disk is full: the reserve is given up; free some space", "dir", dir, "free_bytes", free, "reserve_bytes", size)
		err = os.Remove(path)
	case !kept && free >= reserveShare*uint64(size):
		if err = takeReserve(path, size); err != nil { // a node without one serves all the same
			log.Warn("no disk space could be kept in reserve", "dir", dir, "reserve_bytes", size, "err", err)
			err = nil
		}
	default:
		err = nil
	}
	if err != nil {
		return fmt.Errorf("keep the reserve: %w", err)
	}
	return nil
}

func takeReserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(allocate(f, size), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
