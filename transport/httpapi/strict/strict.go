// Package strict reads JSON request bodies and tells everything that is wrong
// with them at once, each fault with its path ("limits[0].name").
//
// It is a pull reader: the caller walks the document and says what it expects,
// so no reflection takes part and nothing is read into maps. It promises
// never to panic, to refuse what encoding/json lets pass (a field given twice,
// invalid UTF-8, half a surrogate pair, text behind the end), and to read
// numbers as they are written, never through a float. It holds on to the bytes
// that it reads only until the next Reset.
//
//	r.Reset(body)
//	if r.Object() {
//		for r.Field() {
//			switch string(r.Key()) {
//			case "name":
//				name = r.Text()
//			default:
//				r.Unknown("name")
//			}
//		}
//	}
//	faults := r.Close()
package strict

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/limitd/limitd/transport/wire"
)

const (
	maxFaults = 100 // told of one body
	maxFields = 256 // of one object
	maxDepth  = 64
)

// Reader reads one document. The zero Reader is empty; call Reset first. It is
// not safe for concurrent use.
type Reader struct {
	data   []byte
	pos    int
	frames []frame
	seen   [][]byte // the keys met so far in all open objects
	faults []wire.FieldError
	broken bool // malformed: nothing more can be read
}

// frame is an object or array that is being read.
type frame struct {
	object bool
	begun  bool   // an item or field has been read
	index  int    // of the array's present item
	key    []byte // of the object's present field
	keys   int    // where this object's keys begin in seen
}

// Reset makes the reader read data from its beginning.
func (r *Reader) Reset(data []byte) {
	*r = Reader{data: data, frames: r.frames[:0], seen: r.seen[:0]}
}

// Close returns all that is wrong with the document, nil for nothing.
func (r *Reader) Close() []wire.FieldError {
	if !r.broken {
		if r.space(); r.pos < len(r.data) {
			r.malformed("there is more behind its end")
		}
	}
	return r.faults
}

// Fault notes that the value that was read last is not what it should be.
func (r *Reader) Fault(format string, args ...any) { r.FaultAt("", format, args...) }

// FaultAt notes a fault of the field at path, seen from the present place.
func (r *Reader) FaultAt(path, format string, args ...any) {
	if len(r.faults) >= maxFaults || r.broken {
		return
	}
	r.faults = append(r.faults, wire.FieldError{Field: r.path(path), Detail: fmt.Sprintf(format, args...)})
}

// malformed notes that the document is no JSON, which ends the reading.
func (r *Reader) malformed(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if r.pos >= len(r.data) {
		what = "it ends too soon"
	}
	r.FaultAt("", "malformed JSON at byte %d: %s", r.pos, what)
	r.broken = true
}

// path names the present place, and below it sub.
func (r *Reader) path(sub string) string {
	var b strings.Builder
	for _, f := range r.frames {
		switch {
		case !f.begun:
		case !f.object:
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		default:
			b.WriteString(dot(&b) + strings.ToValidUTF8(string(f.key), "\uFFFD"))
		}
	}
	if sub != "" {
		b.WriteString(dot(&b) + sub)
	}
	if b.Len() == 0 {
		return "(body)"
	}
	return b.String()
}

func dot(b *strings.Builder) string {
	if b.Len() == 0 {
		return ""
	}
	return "."
}

// Object enters the object that comes next. It returns false for anything
// else, which it notes and skips.
func (r *Reader) Object() bool { return r.enter('{', "an object") }

// Array enters the array that comes next. It returns false for anything else,
// which it notes and skips.
func (r *Reader) Array() bool { return r.enter('[', "an array") }

func (r *Reader) enter(open byte, what string) bool {
	if r.peek() != open {
		r.mismatch(what)
		return false
	}
	if len(r.frames) >= maxDepth {
		r.malformed("nested too deeply")
		return false
	}
	r.pos++
	r.frames = append(r.frames, frame{object: open == '{', keys: len(r.seen)})
	return true
}

// Field moves to the object's next field; Key is its name. It returns false at
// the end of the object, which it leaves.
func (r *Reader) Field() bool {
	f := r.next('}')
	if f == nil {
		return false
	}
	if r.peek() != '"' {
		r.malformed("a field's name must come here")
		return false
	}
	key, ok := r.quoted()
	if !ok {
		return false
	}
	if r.peek() != ':' {
		r.malformed("a colon must follow a field's name")
		return false
	}
	r.pos++
	f.key = key
	return r.note(f)
}

// note remembers the field's key, and tells of one that came before.
func (r *Reader) note(f *frame) bool {
	for _, k := range r.seen[f.keys:] {
		if bytes.Equal(k, f.key) {
			r.Fault("is given twice")
			break
		}
	}
	if r.seen = append(r.seen, f.key); len(r.seen)-f.keys > maxFields {
		r.malformed("an object of more than %d fields", maxFields)
		return false
	}
	return true
}

// Key returns the name of the present field, valid until the next Reset.
func (r *Reader) Key() []byte { return r.frames[len(r.frames)-1].key }

// Item moves to the array's next item. It returns false at the end of the
// array, which it leaves.
func (r *Reader) Item() bool {
	f := r.next(']')
	if f != nil {
		f.index++
	}
	return f != nil
}

// next moves to the next field or item of the innermost frame, or leaves it
// and returns nil.
func (r *Reader) next(end byte) *frame {
	if r.broken {
		return nil
	}
	f := &r.frames[len(r.frames)-1]
	c := r.peek()
	if c == end {
		r.pos++
		r.seen = r.seen[:f.keys]
		r.frames = r.frames[:len(r.frames)-1]
		return nil
	}
	if f.begun {
		if c != ',' {
			r.malformed("a comma or %q must come here", end)
			return nil
		}
		r.pos++
		return f
	}
	f.begun, f.index = true, -1
	return f
}

// Faults counts the faults that were noted so far.
func (r *Reader) Faults() int { return len(r.faults) }
