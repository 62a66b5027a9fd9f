package limit

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"slices"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
)

// A snapshot is, in this order:
//
//	16 bytes  "limitd snapshot\n"
//	1 byte    format: 4 where there is a quarantine, or a job that ends one; else 3 where
//	          there are tokens or policies; else 2 where a job is open that gives back
//	          anonymous slots; else 1. Each knows what those before it know
//	frames    each: length (varint), section (1 byte), the row as encode.go, or fsm/acl,
//	          writes it; sections ascend, sectionEnd last; rows ascend by their key
//	          within one
//	1 frame   of section sectionEnd, empty
//	32 bytes  SHA-256 of all that comes before
//
// Its bytes are canonical: equal states have equal snapshots, and the digest
// is the SHA-256 of the frames.

const (
	snapshotMagic  = "limitd snapshot\n"
	snapshotFormat = 4 // the newest
	maxFrame       = 64 << 20
)

type section byte

const (
	sectionCluster section = iota + 1
	sectionLimits
	sectionHoldings
	sectionLeases
	sectionWaiters
	sectionRequests
	sectionJobs
	sectionMarks
	sectionEnd    // the last one of every format
	sectionACL    // and those behind it, by acl.RowKind
	sectionBeyond = sectionACL + section(acl.RowKinds)
)

// rank is a section's place in the order.
func (k section) rank() section {
	if k == sectionEnd {
		return sectionBeyond
	}
	return k
}

var (
	// ErrDamaged says that a snapshot's bytes are not what was written.
	ErrDamaged = errors.New("limit: the snapshot is damaged")
	// ErrNewer says that a snapshot or a record was written by a newer limitd.
	ErrNewer = errors.New("limit: the data is of a newer version of limitd: start that version")
)

// Snapshot is the state at one record. It may be read while the state that it
// came from moves on.
type Snapshot struct{ frozen State }

// Snapshot returns the present state, in constant time.
func (s *State) Snapshot() *Snapshot {
	s.epoch++
	return &Snapshot{State{
		clock: s.clock, cluster: s.cluster,
		limits: s.limits.copy(), holdings: s.holdings.copy(), leases: s.leases.copy(),
		waiters: s.waiters.copy(), groups: s.groups.copy(), requests: s.requests.copy(),
		jobs: slices.Clone(s.jobs), queue: queue{marked: s.copyMarks()}, acl: s.acl.Copy(),
	}}
}

func (s *State) copyMarks() map[uint64]uint64 {
	marks := make(map[uint64]uint64, len(s.marked))
	for limit := range s.marked {
		marks[limit] = 0
	}
	return marks
}

// Index returns the index of the last record that the snapshot holds.
func (n *Snapshot) Index() uint64 { return n.frozen.index }

// Write writes the snapshot to w.
func (n *Snapshot) Write(w io.Writer) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	out.WriteString(snapshotMagic)
	out.WriteByte(n.frozen.format())
	if err := n.frames(out); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return nil
}

// format returns the format that a snapshot of s has: the lowest that can say what
// there is.
func (s *State) format() byte {
	has := func(kind jobKind) bool {
		return slices.ContainsFunc(s.jobs, func(j job) bool { return j.kind == kind })
	}
	switch {
	case s.quarantine != 0 || has(jobReopen):
		return 4
	case !s.acl.Empty():
		return 3
	case has(jobReturn):
		return 2
	}
	return 1
}

// Digest returns the SHA-256 of the canonical content: equal digests at one
// index mean equal states.
func (n *Snapshot) Digest() (digest [32]byte) {
	sum := sha256.New()
	out := bufio.NewWriterSize(sum, 1<<16)
	_ = n.frames(out) // a hash takes every write
	_ = out.Flush()
	sum.Sum(digest[:0])
	return digest
}

// frames writes every row.
func (n *Snapshot) frames(out *bufio.Writer) error {
	s := &n.frozen
	f := framer{out: out}
	encodeCluster(f.begin(sectionCluster), s)
	f.end()
	s.limits.ascend(0, func(_ uint64, l *limitRow) bool {
		encodeLimit(f.begin(sectionLimits), l)
		return f.end()
	})
	s.holdings.ascend(pair{}, func(k pair, h *holding) bool {
		encodeHolding(f.begin(sectionHoldings), k, h)
		return f.end()
	})
	s.leases.ascend(0, func(_ uint64, x *lease) bool {
		encodeLease(f.begin(sectionLeases), x)
		return f.end()
	})
	s.waiters.ascend(0, func(_ uint64, w *waiter) bool {
		encodeWaiter(f.begin(sectionWaiters), w, s.parkOf(w))
		return f.end()
	})
	s.requests.ascend("", func(id string, r *request) bool {
		encodeRequest(f.begin(sectionRequests), id, r)
		return f.end()
	})
	for _, j := range s.jobs {
		encodeJob(f.begin(sectionJobs), j)
		f.end()
	}
	for _, limit := range sortedMarks(s.marked) {
		f.begin(sectionMarks).Uint(limit)
		f.end()
	}
	s.acl.Rows(func(kind acl.RowKind, encode func(*command.Encoder)) bool {
		encode(f.begin(sectionACL + section(kind)))
		return f.end()
	})
	f.begin(sectionEnd)
	f.end()
	return f.err
}

func sortedMarks(marked map[uint64]uint64) []uint64 {
	list := make([]uint64, 0, len(marked))
	for limit := range marked {
		list = append(list, limit)
	}
	slices.Sort(list)
	return list
}

// framer writes frames, and keeps the first error.
type framer struct {
	out  *bufio.Writer
	size [binary.MaxVarintLen64]byte
	row  command.Encoder
	rows int // written
	err  error
}

// yieldEvery is how many rows are written, in some 30 us, before others have
// their turn: on few cores Apply would wait as long as the scheduler lets a
// goroutine run, 10 ms, and again behind the collector.
const yieldEvery = 64

// begin returns what a row of that section is to be written to.
func (f *framer) begin(kind section) *command.Encoder {
	f.row.Reset()
	f.row.Byte(byte(kind))
	return &f.row
}

// end writes the row. It returns false once a write has failed.
func (f *framer) end() bool {
	f.write(binary.AppendUvarint(f.size[:0], uint64(len(f.row.Bytes()))))
	f.write(f.row.Bytes())
	if f.rows++; f.rows%yieldEvery == 0 {
		runtime.Gosched()
	}
	return f.err == nil
}

func (f *framer) write(b []byte) {
	if f.err == nil {
		_, f.err = f.out.Write(b)
	}
}

// Restore reads a snapshot. It returns ErrDamaged for bytes that are not what
// was written, and ErrNewer for a format or rules version that this version of
// limitd does not know.
func Restore(r io.Reader) (*State, error) {
	s := New()
	in := &hashedReader{in: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
	if err := readSnapshot(in, s, s.decodeRow); err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	if err := s.rebuild(); err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	return s, nil
}

// rowReader reads one row of a snapshot of that format.
type rowReader func(kind section, d *command.Decoder, format byte)

// readSnapshot reads a whole snapshot, row by row, and checks it: its frame, its
// checksum, and that s, into which row puts at least the cluster and the jobs, is
// of its format and of rules that are known.
func readSnapshot(in *hashedReader, s *State, row rowReader) error {
	head := make([]byte, len(snapshotMagic)+1)
	if err := in.full(head); err != nil {
		return err
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	format := head[len(snapshotMagic)]
	if format > snapshotFormat {
		return fmt.Errorf("%w: format %d", ErrNewer, format)
	}
	for last := sectionCluster; last != sectionEnd; {
		kind, err := readFrame(in, last, format, row)
		if err != nil {
			return err
		}
		last = kind
	}
	if format != s.format() {
		return fmt.Errorf("%w: it is not of format %d", ErrDamaged, format)
	}
	want := in.sum.Sum(nil)
	if err := in.full(in.told[:]); err != nil {
		return err
	}
	if !slices.Equal(in.told[:], want) {
		return fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	switch _, err := in.in.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: there is more behind its end", ErrDamaged)
	case !errors.Is(err, io.EOF): // the reader's own verdict on what it gave
		return fmt.Errorf("%w: behind its end: %w", ErrDamaged, err)
	}
	if s.rules > Rules {
		return fmt.Errorf("%w: rules version %d, and this one knows %d", ErrNewer, s.rules, Rules)
	}
	return nil
}

// readFrame reads one row, whose section must not come before the last one's.
func readFrame(in *hashedReader, last section, format byte, row rowReader) (section, error) {
	b, err := in.frame()
	if err != nil {
		return 0, err
	}
	kind := section(b[0])
	if kind.rank() < last.rank() || kind >= sectionBeyond {
		return 0, fmt.Errorf("%w: section %d after %d", ErrDamaged, kind, last)
	}
	in.fields = *command.NewDecoder(b[1:])
	row(kind, &in.fields, format)
	if err := in.fields.Close(); err != nil {
		return 0, fmt.Errorf("%w: section %d: %w", ErrDamaged, kind, err)
	}
	return kind, nil
}

// hashedReader reads a snapshot and sums what it reads.
type hashedReader struct {
	in     *bufio.Reader
	sum    hash.Hash
	row    []byte
	fields command.Decoder   // of the row: one for all, so that it is no garbage
	told   [sha256.Size]byte // what the snapshot says its sum is
}

func (h *hashedReader) full(b []byte) error {
	if _, err := io.ReadFull(h.in, b); err != nil {
		return fmt.Errorf("%w: it ends too soon: %w", ErrDamaged, err)
	}
	h.sum.Write(b)
	return nil
}

// frame returns the next frame, valid until the one after.
func (h *hashedReader) frame() ([]byte, error) {
	head, err := h.in.Peek(binary.MaxVarintLen64) // of less there may be enough
	n, size := binary.Uvarint(head)
	if size == 0 {
		return nil, fmt.Errorf("%w: it ends too soon: %w", ErrDamaged, err)
	}
	if size < 0 || n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: a row of %d bytes", ErrDamaged, n)
	}
	h.row = slices.Grow(h.row[:0], size+int(n))[:size+int(n)]
	return h.row[size:], h.full(h.row)
}

// Reissue copies a snapshot from r to w as the state of another cluster, id, that
// goes on where this one ended: tokens continue 2^40 beyond the snapshot's newest,
// for its cluster may have given more of them than the snapshot knows (S2).
func Reissue(r io.Reader, w io.Writer, id [16]byte) error {
	s, err := Restore(r)
	if err != nil {
		return err
	}
	s.id = id
	s.lastToken += 1 << 40
	return s.Snapshot().Write(w)
}
