package store

import (
	"fmt"

	"github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// segments keeps the files of raft-wal's log, and mends what version 0.4.0, the
// newest to be had, breaks: when a follower drops a suffix of its log that a
// new leader overrules, the segment is noted as sealed, but nobody writes its
// index block, and the log cannot be read after the next start. Such a segment
// is read as the unfinished one that it is: its entries are found by reading it
// through, once, at the start.
// (Upstream: hashicorp/raft-wal issue 31; mended after 0.4.0.)
type segments struct{ *segment.Filer }

func newSegments(dir string) segments { return segments{segment.NewFiler(dir, fs.New())} }

// Open opens a segment that takes no more entries.
func (s segments) Open(info types.SegmentInfo) (types.SegmentReader, error) {
	if info.IndexStart != 0 {
		return s.Filer.Open(info)
	}
	r, err := s.RecoverTail(info)
	if err != nil {
		return nil, fmt.Errorf("read through a segment without index: %w", err)
	}
	return r, nil
}
