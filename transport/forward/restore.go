package forward

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/limit"
)

// pieceSize is how much of a snapshot one data frame carries.
const pieceSize = 64 << 10

// Restore replaces the state of the cluster by the snapshot that r yields, at
// the leader. r cannot be read twice, so nothing is repeated: once the snapshot
// is on its way any fault of the hop is ErrOutcomeUnknown. Otherwise the errors
// are ErrNoLeader, ErrRefused, cluster.ErrRulesBehind, limit.ErrDamaged and
// limit.ErrNewer. longestTTL is that of cluster.Replica.Restore.
//
// The snapshot goes over a stream of its own, as data frames and an end frame
// with the CRC-32C of all data; the leader answers with one frame.
func (n *Node) Restore(ctx context.Context, r io.Reader, longestTTL time.Duration) error {
	lead, err := n.awaitLeader(ctx)
	switch {
	case err != nil:
		return err
	case lead.self:
		return n.cfg.Operator.Restore(ctx, r, longestTTL)
	}
	conn, err := n.cfg.Streams.DialContext(ctx, lead.address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer context.AfterFunc(n.ctx, func() { _ = conn.Close() })()
	err = sendSnapshot(conn, r, longestTTL)
	if err == nil {
		err = restored(conn)
	}
	if ctx.Err() != nil {
		return giveUp(ctx, true, err)
	}
	return err
}

// awaitLeader returns the leader as soon as there is one.
func (n *Node) awaitLeader(ctx context.Context) (leader, error) {
	for {
		lead := n.current()
		if lead.known {
			return lead, nil
		}
		select {
		case <-lead.changed:
		case <-ctx.Done():
			return lead, giveUp(ctx, false, nil)
		case <-n.ctx.Done():
			return lead, ErrClosed
		}
	}
}

// sendSnapshot sends all of r. Where the leader's end breaks, the error is nil:
// waiting for its answer tells.
func sendSnapshot(conn net.Conn, r io.Reader, longestTTL time.Duration) error {
	if _, err := conn.Write(appendFrame(nil, frameRestoreFor, 0, binary.AppendVarint(nil, int64(longestTTL)))); err != nil {
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	piece, out := make([]byte, pieceSize), make([]byte, 0, pieceSize+frameHead)
	for {
		k, err := io.ReadFull(r, piece)
		_, _ = sum.Write(piece[:k])
		if k > 0 {
			if _, err := conn.Write(appendFrame(out[:0], frameData, 0, piece[:k])); err != nil {
				return nil
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: read the snapshot: %w", ErrRefused, err) // without its end frame it is refused
		}
	}
	_, _ = conn.Write(appendFrame(out[:0], frameEnd, 0, binary.LittleEndian.AppendUint32(nil, sum.Sum32())))
	return nil
}

// restored reads the leader's answer.
func restored(conn net.Conn) error {
	f, err := readFrame(bufio.NewReader(conn))
	switch {
	case err != nil:
		return fmt.Errorf("%w: the leader's answer to the restore: %w", ErrOutcomeUnknown, err)
	case f.kind == frameAnswer:
		return nil
	}
	err = readProblem(f.body)
	switch problemOf(err).fate {
	case fateNone:
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	case fateUnknown:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return err
}

// longestTTL returns what the first frame of a restore says of leases that are not
// in the snapshot; false for another frame.
func longestTTL(first frame) (time.Duration, bool) {
	switch first.kind {
	case frameRestore:
		return time.Duration(limit.MaxTTL), true
	case frameRestoreFor:
		ns, n := binary.Varint(first.body)
		return time.Duration(ns), n == len(first.body) && ns >= 0
	}
	return 0, false
}

// restore takes a snapshot from conn, whose frames r yields, into this node's
// replica.
func (s *server) restore(ctx context.Context, conn net.Conn, r *bufio.Reader, longest time.Duration) {
	pieces := &pieceReader{frames: r, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	err := s.cfg.Operator.Restore(ctx, pieces, longest)
	// The other side listens only when it has sent everything.
	_, broken := io.Copy(io.Discard, pieces)
	if err == nil && broken != nil {
		err = fmt.Errorf("%w: restored, but what followed was damaged: %w", cluster.ErrOutcomeUnknown, broken)
	}
	answer := appendFrame(nil, frameAnswer, 0)
	if err != nil {
		s.log.Warn("a restore did not succeed", "err", err)
		answer = appendFrame(nil, frameProblem, 0, encodeProblem(err))
	}
	_ = conn.SetWriteDeadline(time.Now().Add(s.cfg.DeadAfter))
	_, _ = conn.Write(answer)
}

// pieceReader yields the snapshot that data frames carry. It ends in io.EOF
// only where all of it came.
type pieceReader struct {
	frames *bufio.Reader
	sum    hash.Hash32
	rest   []byte // of the last frame
	end    bool   // the end frame came
	broken error
}

func (p *pieceReader) Read(b []byte) (int, error) {
	for len(p.rest) == 0 && p.broken == nil {
		if p.end {
			return 0, io.EOF
		}
		p.broken = p.next()
	}
	if p.broken != nil {
		return 0, p.broken
	}
	k := copy(b, p.rest)
	p.rest = p.rest[k:]
	return k, nil
}

// next reads one frame. Its faults are ErrRefused: the replica takes no
// snapshot whose reader failed.
func (p *pieceReader) next() error {
	f, err := readFrame(p.frames)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the snapshot was cut short: %w", ErrRefused, err)
	case f.kind == frameData:
		p.rest = f.body
		_, _ = p.sum.Write(f.body)
		return nil
	case f.kind == frameEnd && len(f.body) == 4 && binary.LittleEndian.Uint32(f.body) == p.sum.Sum32():
		p.end = true
		return nil
	}
	return fmt.Errorf("%w: the snapshot came damaged", ErrRefused)
}
