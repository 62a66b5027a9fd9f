package limit

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// Contents tells what is in a snapshot.
type Contents struct {
	Format     byte
	ClusterID  [16]byte
	Index      uint64 // of the last record
	Term       uint64 // of the newest stamp that was heeded
	Time       int64  // cluster time, ns
	Rules      uint64
	Token      uint64 // the newest that was given
	Quarantine int64  // ns that limits without decay grant nothing; 0: they do
	Counts     Counts
	// NewestWall is the newest wall time in it, unix ns: of a change of a limit or
	// of a grant that is held; 0: there is none. It is not when the snapshot was taken.
	NewestWall int64
	Sum        [32]byte // the SHA-256 that ends the snapshot
	Bytes      int64
}

// Inspect reads a snapshot to its end, checks it row by row and as a whole, and
// tells what is in it. It keeps next to nothing of it: it takes little memory
// whatever the size. Its errors are those of Restore.
func Inspect(r io.Reader) (Contents, error) {
	counted := &countedReader{Reader: r}
	in := &hashedReader{in: bufio.NewReaderSize(counted, 1<<16), sum: sha256.New()}
	var c Contents
	head := New()
	err := readSnapshot(in, head, func(kind section, d *command.Decoder, format byte) {
		c.Format = format
		c.row(kind, d, format, head)
	})
	if err != nil {
		return Contents{}, fmt.Errorf("inspect a snapshot: %w", err)
	}
	c.ClusterID, c.Index, c.Term, c.Time = head.id, head.index, head.term, head.now
	c.Rules, c.Token, c.Quarantine = head.rules, head.lastToken, head.Quarantine()
	c.Sum, c.Bytes = in.told, counted.n
	return c, nil
}

// row counts one row. The cluster, the jobs, tokens and policies are put into head.
func (c *Contents) row(kind section, d *command.Decoder, format byte, head *State) {
	wall := int64(0)
	switch kind {
	case sectionCluster:
		decodeCluster(d, head, format)
	case sectionLimits:
		wall = decodeLimit(d).updatedWall
		c.Counts.Limits++
	case sectionHoldings:
		decodeHolding(d)
		c.Counts.Holdings++
	case sectionLeases:
		wall = decodeLease(d).terms.unpack().wall
		c.Counts.Leases++
	case sectionWaiters:
		decodeWaiter(d)
		c.Counts.Waiters++
	case sectionRequests:
		decodeRequest(d)
		c.Counts.Remembered++
	case sectionJobs:
		head.jobs = append(head.jobs, decodeJob(d))
	case sectionMarks:
		d.Uint()
	case sectionEnd:
	default:
		head.acl.ReadRow(acl.RowKind(kind-sectionACL), d)
	}
	c.NewestWall = max(c.NewestWall, wall)
}

// countedReader counts what it reads.
type countedReader struct {
	io.Reader
	n int64
}

// Read reads into p.
func (r *countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}
