// Package command is the format of limitd's replicated log: every operation
// that the state machine knows, its kind, and its bytes.
//
// A record is a header of fixed width, the request's id, and the operation:
//
//	offset  size  field
//	0       1     format, always 1
//	1       1     kind (kind.go)
//	2       4     CRC-32C of bytes 0, 1 and 6 to the end, little endian
//	6       8     stamp: cluster time, ns
//	14      8     term: the raft term in which it was stamped
//	22      8     wall: unix time, ns, for display only
//	30      8     accepted: cluster time at which a node took it from its caller
//	38      n     id: the request's id, length-prefixed
//	38+n    m     the operation, as its own file here writes it
//
// The node that accepts a request encodes it once; the leader writes stamp,
// term, wall and checksum into the same bytes (Stamp) and proposes them.
//
// The package promises: one value has one encoding; a decoder reads every byte
// or refuses the record; formats are only ever added. Golden files in testdata
// hold the bytes of each kind.
//
//	b := command.Encode(command.Command{Header: command.Header{ID: "job-42"}, Op: &command.Acquire{...}})
//	command.Stamp(b, command.Header{Stamp: now, Term: 7, Wall: wall})
//	c, err := command.Decode(b)
package command

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	format     = 1
	headerSize = 38

	// MaxSize is the largest record that may be proposed, in bytes.
	MaxSize = 256 << 10
	// MaxEntries is the largest number of limits in one acquire.
	MaxEntries = 64
)

var (
	// ErrCorrupt says that a record's bytes are not what was written.
	ErrCorrupt = errors.New("command: the record is damaged")
	// ErrUnknown says that a record was written by a newer limitd.
	ErrUnknown = errors.New("command: the record is of a newer version of limitd: start that version")
)

// Header is what every record carries beside its operation.
type Header struct {
	Stamp    int64  // cluster time, ns; set by the leader
	Term     uint64 // raft term of the stamp; set by the leader
	Wall     int64  // unix time, ns, for display only; set by the leader
	Accepted int64  // cluster time, ns, at which the accepting node took the request, by its own lower bound
	ID       string // the request's id; empty where repeating the operation is harmless by nature
}

// Command is one record of the log.
type Command struct {
	Header
	Op Op
}

// Op is an operation of the state machine.
type Op interface {
	// Kind names the operation in the log.
	Kind() Kind
	encode(*Encoder)
	decode(*Decoder)
}

// Encode returns the bytes of c.
func Encode(c Command) []byte {
	e := Encoder{buf: make([]byte, headerSize, 128)}
	e.buf[0], e.buf[1] = format, byte(c.Op.Kind())
	e.String(c.ID)
	c.Op.encode(&e)
	binary.LittleEndian.PutUint64(e.buf[30:], uint64(c.Accepted))
	Stamp(e.buf, c.Header)
	return e.buf
}

// Stamp writes h's stamp, term and wall time into the encoded record b, and
// renews its checksum.
func Stamp(b []byte, h Header) {
	binary.LittleEndian.PutUint64(b[6:], uint64(h.Stamp))
	binary.LittleEndian.PutUint64(b[14:], h.Term)
	binary.LittleEndian.PutUint64(b[22:], uint64(h.Wall))
	binary.LittleEndian.PutUint32(b[2:], checksum(b))
}

// Check tells whether b's checksum holds. It returns ErrCorrupt or ErrUnknown.
func Check(b []byte) error {
	if len(b) < headerSize {
		return fmt.Errorf("%w: %d bytes are less than a header", ErrCorrupt, len(b))
	}
	if got, want := checksum(b), binary.LittleEndian.Uint32(b[2:]); got != want {
		return fmt.Errorf("%w: checksum %08x, expected %08x", ErrCorrupt, got, want)
	}
	if b[0] != format {
		return fmt.Errorf("%w: format %d", ErrUnknown, b[0])
	}
	return nil
}

// Decode reads the record b. It returns ErrCorrupt for bytes that are not what
// was written, and ErrUnknown for a format or kind that this version lacks.
func Decode(b []byte) (Command, error) {
	if err := Check(b); err != nil {
		return Command{}, err
	}
	c := Command{Header: Header{
		Stamp:    int64(binary.LittleEndian.Uint64(b[6:])),
		Term:     binary.LittleEndian.Uint64(b[14:]),
		Wall:     int64(binary.LittleEndian.Uint64(b[22:])),
		Accepted: int64(binary.LittleEndian.Uint64(b[30:])),
	}}
	c.Op = newOp(Kind(b[1]))
	if c.Op == nil {
		return Command{}, fmt.Errorf("%w: kind %d", ErrUnknown, b[1])
	}
	d := NewDecoder(b[headerSize:])
	c.ID = d.String()
	c.Op.decode(d)
	if err := d.Close(); err != nil {
		return Command{}, fmt.Errorf("read a %v record: %w", c.Op.Kind(), err)
	}
	return c, nil
}

func checksum(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, b[:2]), table, b[6:])
}

// Content returns the bytes that tell one request's content from another's
// under the same id: of an acquire its limits, slots, modes, ttl and missing
// (who asks and how long it waits may differ), of all else everything.
func Content(op Op) []byte {
	e := NewEncoder([]byte{byte(op.Kind())})
	if a, ok := op.(*Acquire); ok {
		encodeList(e, a.Entries, encodeEntry)
		e.Int(a.TTL)
		e.Byte(byte(a.Missing))
		e.Bool(a.Anonymous)
		return e.Bytes()
	}
	op.encode(e)
	return e.Bytes()
}
