package command

import (
	"encoding/binary"
	"fmt"
)

// Encoder writes values in the one encoding that limitd uses for records,
// results, snapshots and digests: varints, length-prefixed strings, no padding.
type Encoder struct{ buf []byte }

// NewEncoder returns an encoder that appends to buf.
func NewEncoder(buf []byte) *Encoder { return &Encoder{buf: buf} }

// Bytes returns all that was written.
func (e *Encoder) Bytes() []byte { return e.buf }

// Reset forgets all that was written, and keeps its memory.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

// Uint writes v as a varint.
func (e *Encoder) Uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

// Int writes v as a zigzag varint.
func (e *Encoder) Int(v int64) { e.buf = binary.AppendVarint(e.buf, v) }

// Byte writes v as it is.
func (e *Encoder) Byte(v byte) { e.buf = append(e.buf, v) }

// Bool writes v as a byte of 0 or 1.
func (e *Encoder) Bool(v bool) {
	if v {
		e.Byte(1)
	} else {
		e.Byte(0)
	}
}

// String writes s behind its length.
func (e *Encoder) String(s string) {
	e.Uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// Fixed writes b without a length: the reader must know it.
func (e *Encoder) Fixed(b []byte) { e.buf = append(e.buf, b...) }

// Decoder reads what an Encoder wrote. The first fault sticks: later reads
// return zero values, and Close returns it.
type Decoder struct {
	buf []byte
	err error
}

// NewDecoder returns a decoder of b.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// Close returns the first fault, or ErrCorrupt where bytes are left over.
func (d *Decoder) Close() error {
	if d.err == nil && len(d.buf) > 0 {
		d.fail("%d bytes too many", len(d.buf))
	}
	return d.err
}

// More tells whether bytes are left over.
func (d *Decoder) More() bool { return len(d.buf) > 0 }

// Err returns the first fault so far.
func (d *Decoder) Err() error { return d.err }

func (d *Decoder) fail(text string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(text, args...))
	}
	d.buf = nil
}

// Uint reads a varint, which must be in its shortest form.
func (d *Decoder) Uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 || n > 1 && d.buf[n-1] == 0 {
		d.fail("a number is cut short or padded")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

// Int reads a zigzag varint.
func (d *Decoder) Int() int64 {
	u := d.Uint()
	return int64(u>>1) ^ -int64(u&1)
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if len(d.buf) == 0 {
		d.fail("the end comes too soon")
		return 0
	}
	v := d.buf[0]
	d.buf = d.buf[1:]
	return v
}

// Bool reads a byte that must be 0 or 1.
func (d *Decoder) Bool() bool {
	v := d.Byte()
	if v > 1 {
		d.fail("%d is not a boolean", v)
	}
	return v == 1
}

// String reads a string behind its length.
func (d *Decoder) String() string { return string(d.Raw()) }

// Raw reads bytes behind their length. They are the decoder's own.
func (d *Decoder) Raw() []byte {
	n := d.Uint()
	if n > uint64(len(d.buf)) {
		d.fail("%d bytes in %d", n, len(d.buf))
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

// Span returns the bytes that read reads. They are the decoder's own.
func (d *Decoder) Span(read func(*Decoder)) []byte {
	before := d.buf
	read(d)
	if d.err != nil {
		return nil
	}
	return before[:len(before)-len(d.buf)]
}

// Rest reads all that is left over. The bytes are the decoder's own.
func (d *Decoder) Rest() []byte {
	b := d.buf
	d.buf = nil
	return b
}

// Fixed fills b.
func (d *Decoder) Fixed(b []byte) {
	if len(b) > len(d.buf) {
		d.fail("the end comes too soon")
		return
	}
	copy(b, d.buf)
	d.buf = d.buf[len(b):]
}

// Count reads the length of a list whose items take a byte at least each, so
// that a damaged length cannot ask for more memory than the record holds.
func (d *Decoder) Count() int {
	n := d.Uint()
	if n > uint64(len(d.buf)) {
		d.fail("a list of %d items in %d bytes", n, len(d.buf))
		return 0
	}
	return int(n)
}

// Enum reads a byte that must be at most last.
func (d *Decoder) Enum(last byte) byte {
	v := d.Byte()
	if v > last {
		d.fail("%d is beyond the known values (up to %d)", v, last)
		return 0
	}
	return v
}

func encodeList[T any](e *Encoder, list []T, item func(*Encoder, T)) {
	e.Uint(uint64(len(list)))
	for _, v := range list {
		item(e, v)
	}
}

func decodeList[T any](d *Decoder, item func(*Decoder) T) []T {
	n := d.Count()
	if n == 0 {
		return nil
	}
	list := make([]T, 0, n)
	for range n {
		v := item(d)
		if d.err != nil {
			return nil
		}
		list = append(list, v)
	}
	return list
}

func encodeOptional[T any](e *Encoder, v *T, item func(*Encoder, T)) {
	e.Bool(v != nil)
	if v != nil {
		item(e, *v)
	}
}

func decodeOptional[T any](d *Decoder, item func(*Decoder) T) *T {
	if !d.Bool() {
		return nil
	}
	v := item(d)
	return &v
}
