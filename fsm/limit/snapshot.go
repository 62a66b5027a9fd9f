package limit

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/limitd/limitd/fsm/command"
)

// A snapshot is, in this order:
//
//	16 bytes  "limitd snapshot\n"
//	1 byte    format: 2 where a job is open that gives back anonymous slots, which
//	          format 1 does not know, and else 1
//	frames    each: length (varint), section (1 byte), the row as encode.go writes it;
//	          sections ascend, rows ascend by their key within one
//	1 frame   of section sectionEnd, empty
//	32 bytes  SHA-256 of all that comes before
//
// Its bytes are canonical: equal states have equal snapshots, and the digest
// is the SHA-256 of the frames.

const (
	snapshotMagic  = "limitd snapshot\n"
	snapshotFormat = 2 // the newest
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
	sectionEnd
)

var (
	// ErrDamaged says that a snapshot's bytes are not what was written.
	ErrDamaged = errors.New("limit: the snapshot is damaged")
	// ErrNewer says that a snapshot was written by a newer limitd.
	ErrNewer = errors.New("limit: the snapshot is of a newer version of limitd: start that version")
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
		jobs: slices.Clone(s.jobs), queue: queue{marked: s.copyMarks()},
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
	out.WriteByte(formatOf(n.frozen.jobs))
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

// formatOf returns the format that a snapshot with these open jobs has.
func formatOf(jobs []job) byte {
	if slices.ContainsFunc(jobs, func(j job) bool { return j.kind == jobReturn }) {
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
	f.frame(sectionCluster, func(e *command.Encoder) { encodeCluster(e, s) })
	s.limits.ascend(pair{}, func(_ pair, l *limitRow) bool {
		return f.frame(sectionLimits, func(e *command.Encoder) { encodeLimit(e, l) })
	})
	s.holdings.ascend(pair{}, func(k pair, h *holding) bool {
		return f.frame(sectionHoldings, func(e *command.Encoder) { encodeHolding(e, k, h) })
	})
	s.leases.ascend(pair{}, func(_ pair, x *lease) bool {
		return f.frame(sectionLeases, func(e *command.Encoder) { encodeLease(e, x) })
	})
	s.waiters.ascend(pair{}, func(_ pair, w *waiter) bool {
		return f.frame(sectionWaiters, func(e *command.Encoder) { encodeWaiter(e, w, s.parkOf(w)) })
	})
	s.requests.ascend("", func(_ string, r *request) bool {
		return f.frame(sectionRequests, func(e *command.Encoder) { encodeRequest(e, r) })
	})
	for _, j := range s.jobs {
		f.frame(sectionJobs, func(e *command.Encoder) { encodeJob(e, j) })
	}
	for _, limit := range sortedMarks(s.marked) {
		f.frame(sectionMarks, func(e *command.Encoder) { e.Uint(limit) })
	}
	f.frame(sectionEnd, func(*command.Encoder) {})
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
	out *bufio.Writer
	row []byte
	err error
}

// frame writes one row. It returns false once a write has failed.
func (f *framer) frame(kind section, encode func(*command.Encoder)) bool {
	e := command.NewEncoder(append(f.row[:0], byte(kind)))
	encode(e)
	f.row = e.Bytes()
	var length [binary.MaxVarintLen64]byte
	f.write(binary.AppendUvarint(length[:0], uint64(len(f.row))))
	f.write(f.row)
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
	if err := s.read(in); err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	if s.rules > Rules {
		return nil, fmt.Errorf("restore a snapshot: %w: rules version %d, and this one knows %d", ErrNewer, s.rules, Rules)
	}
	if err := s.rebuild(); err != nil {
		return nil, fmt.Errorf("restore a snapshot: %w", err)
	}
	return s, nil
}

func (s *State) read(in *hashedReader) error {
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
		kind, err := s.readFrame(in, last)
		if err != nil {
			return err
		}
		last = kind
	}
	if format != formatOf(s.jobs) {
		return fmt.Errorf("%w: it is not of format %d", ErrDamaged, format)
	}
	want := in.sum.Sum(nil)
	got := make([]byte, len(want))
	if err := in.full(got); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	return nil
}

// readFrame reads one row, whose section must not come before the last one's.
func (s *State) readFrame(in *hashedReader, last section) (section, error) {
	row, err := in.frame()
	if err != nil {
		return 0, err
	}
	kind := section(row[0])
	if kind < last || kind > sectionEnd {
		return 0, fmt.Errorf("%w: section %d after %d", ErrDamaged, kind, last)
	}
	d := command.NewDecoder(row[1:])
	s.decodeRow(kind, d)
	if err := d.Close(); err != nil {
		return 0, fmt.Errorf("%w: section %d: %w", ErrDamaged, kind, err)
	}
	return kind, nil
}

// hashedReader reads a snapshot and sums what it reads.
type hashedReader struct {
	in  *bufio.Reader
	sum hash.Hash
	row []byte
}

func (h *hashedReader) ReadByte() (byte, error) {
	b, err := h.in.ReadByte()
	if err == nil {
		h.sum.Write([]byte{b})
	}
	return b, err
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
	n, err := binary.ReadUvarint(h)
	if err != nil {
		return nil, fmt.Errorf("%w: it ends too soon: %w", ErrDamaged, err)
	}
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: a row of %d bytes", ErrDamaged, n)
	}
	if uint64(cap(h.row)) < n {
		h.row = make([]byte, n)
	}
	h.row = h.row[:n]
	return h.row, h.full(h.row)
}

// Rewrite copies a backup from r to w as it may be restored into a cluster:
// tokens continue 2^40 further on, so that none is ever given twice (S2). It
// returns the index of the last record that the backup holds: ages of waiters
// and revisions of limits are such indexes, so the log must go on behind it.
func Rewrite(r io.Reader, w io.Writer) (index uint64, err error) {
	s, err := Restore(r)
	if err != nil {
		return 0, err
	}
	s.lastToken += 1 << 40
	s.term, s.termStart = 0, 0
	return s.index, s.Snapshot().Write(w)
}
