package forward

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A frame, in both directions:
//
//	offset  size  field
//	0       4     n, the length of what follows, little endian, 9 to maxFrame
//	4       1     kind
//	5       8     number of the request, little endian; an answer bears its request's
//	13      n-9   body, laid out by the kind
//
// Requests are answered in any order, each by one answer or problem frame.
// cancel, ping and pong have no answer.
const (
	frameHead = 13
	// maxFrame bounds a frame: 10,000 renewed leases with ids of 64 bytes fit.
	maxFrame = 4 << 20
)

// frameKind says what a frame is. Numbers are never reused.
type frameKind byte

const (
	frameRun       frameKind = 1  // hold (varint, ns), record
	frameReadIndex frameKind = 2  // nothing
	frameDigest    frameKind = 3  // index (varint)
	frameStatus    frameKind = 4  // nothing
	frameTransfer  frameKind = 5  // name of a node, "" for any
	frameRemove    frameKind = 6  // name of a node
	frameCancel    frameKind = 7  // the number is the request that nobody waits for any more
	framePing      frameKind = 8  // answered by a pong with the same number
	framePong      frameKind = 9  // what the node can do (features, 1 byte; none: nothing more)
	frameRestore   frameKind = 10 // as frameRestoreFor, with the longest quarantine; of nodes that knew none
	frameData      frameKind = 11 // a piece of the snapshot
	frameEnd       frameKind = 12 // the snapshot is whole
	frameAnswer    frameKind = 13 // by the kind of the request
	frameProblem   frameKind = 14 // code (1 byte), text for people
	framePromote   frameKind = 20 // name of a node
	frameDemote    frameKind = 21 // name of a node
	frameAutopilot frameKind = 22 // nothing; answered by a cluster.Report as JSON
	frameTraced    frameKind = 15 // length (1 byte), traceparent, and the body of a run; for nodes of featureTraces

	// frameRestoreFor begins a restore, first on a stream of its own. Body: the
	// longest TTL of leases that are not in the snapshot (varint, ns).
	frameRestoreFor frameKind = 30
)

// features is what a node tells in its pongs, so that it is not sent what it
// cannot read while a cluster is being upgraded.
type features byte

const featureTraces features = 1 // it reads frameTraced

// String returns the kind's name, for logs.
func (k frameKind) String() string {
	names := [...]string{
		frameRun: "run", frameReadIndex: "read_index", frameDigest: "digest", frameStatus: "status", frameTransfer: "transfer",
		frameRemove: "remove", frameCancel: "cancel", framePing: "ping", framePong: "pong", frameRestore: "restore", frameRestoreFor: "restore", frameData: "data",
		frameEnd: "end", frameAnswer: "answer", frameProblem: "problem", frameTraced: "run",
		framePromote: "promote", frameDemote: "demote", frameAutopilot: "autopilot",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

// errFrame says that the other side does not keep to the framing.
var errFrame = errors.New("forward: a damaged frame")

type frame struct {
	kind   frameKind
	number uint64
	body   []byte
}

// appendFrame appends a frame with the given body, in pieces, to b.
func appendFrame(b []byte, kind frameKind, number uint64, body ...[]byte) []byte {
	n := frameHead - 4
	for _, p := range body {
		n += len(p)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint64(b, number)
	for _, p := range body {
		b = append(b, p...)
	}
	return b
}

// readFrame reads the next frame. Its body is freshly allocated.
func readFrame(r *bufio.Reader) (frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < frameHead-4 || n > maxFrame {
		return frame{}, fmt.Errorf("%w: %d bytes", errFrame, n)
	}
	f := frame{kind: frameKind(head[4]), number: binary.LittleEndian.Uint64(head[5:])}
	if n -= frameHead - 4; n > 0 {
		f.body = make([]byte, n)
		if _, err := io.ReadFull(r, f.body); err != nil {
			return frame{}, fmt.Errorf("%w: cut short: %w", errFrame, err)
		}
	}
	return f, nil
}
