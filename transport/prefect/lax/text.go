package lax

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrText says that a body is no text.
var ErrText = errors.New("lax: the body is no text")

// Text returns a body in UTF-8, without a byte order mark. As for Python's json, a
// body may also be in UTF-16 or UTF-32, which its mark tells, or the zeros among its
// first bytes. The error is ErrText.
func Text(body []byte) ([]byte, error) {
	width, order, mark := encoding(body)
	if body = body[mark:]; width > 1 {
		body = transcode(body, width, order)
	}
	if !utf8.Valid(body) {
		return nil, ErrText
	}
	return body, nil
}

// encoding tells how many bytes a unit of the body has, their order, and how many
// bytes its mark has.
func encoding(body []byte) (width int, order binary.ByteOrder, mark int) {
	for _, known := range [...]struct {
		mark  string
		width int
		order binary.ByteOrder
	}{
		{"\x00\x00\xfe\xff", 4, binary.BigEndian},
		{"\xff\xfe\x00\x00", 4, binary.LittleEndian},
		{"\xfe\xff", 2, binary.BigEndian},
		{"\xff\xfe", 2, binary.LittleEndian},
		{"\xef\xbb\xbf", 1, nil},
	} {
		if bytes.HasPrefix(body, []byte(known.mark)) {
			return known.width, known.order, len(known.mark)
		}
	}
	zero := func(i int) bool { return i < len(body) && body[i] == 0 }
	switch {
	case len(body) != 2 && len(body) < 4:
		return 1, nil, 0
	case zero(0) && zero(1) && len(body) > 2:
		return 4, binary.BigEndian, 0
	case zero(0):
		return 2, binary.BigEndian, 0
	case zero(1) && zero(2) && zero(3):
		return 4, binary.LittleEndian, 0
	case zero(1):
		return 2, binary.LittleEndian, 0
	}
	return 1, nil, 0
}

// transcode brings a text of units of two or four bytes into UTF-8. One that ends
// within a unit becomes no UTF-8.
func transcode(body []byte, width int, order binary.ByteOrder) []byte {
	text := make([]byte, 0, len(body))
	units := make([]uint16, 0, len(body)/2)
	for ; len(body) >= width; body = body[width:] {
		if width == 4 {
			text = utf8.AppendRune(text, rune(order.Uint32(body)))
		} else {
			units = append(units, order.Uint16(body))
		}
	}
	for _, r := range utf16.Decode(units) {
		text = utf8.AppendRune(text, r)
	}
	if len(body) > 0 {
		text = append(text, 0xff)
	}
	return text
}
