package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrFormat says that what was read is not a history. The error around it names
// the line.
var ErrFormat = errors.New("not a history")

// line is one line of a history's file; exactly one of its fields is set.
//
//	{"run": {"instrument": "sim", "workload": "sem", "seed": 7, ...}}    the first line, and no other
//	{"op": {"number": 1, "client": 3, "kind": "acquire", ...}}           in order of Number
//	{"belief": ...}, {"write": ...}, {"fault": ...}, {"leader": ...}     in the order they were noted
//	{"final": ...}                                                       at most one
type line struct {
	Run    *Run    `json:"run,omitempty"`
	Op     *Op     `json:"op,omitempty"`
	Belief *Belief `json:"belief,omitempty"`
	Write  *Write  `json:"write,omitempty"`
	Fault  *Fault  `json:"fault,omitempty"`
	Leader *Leader `json:"leader,omitempty"`
	Final  *Final  `json:"final,omitempty"`
}

// set tells how many fields are set.
func (l *line) set() (n int) {
	for _, set := range []bool{l.Run != nil, l.Op != nil, l.Belief != nil, l.Write != nil, l.Fault != nil, l.Leader != nil, l.Final != nil} {
		if set {
			n++
		}
	}
	return n
}

// lines returns what h's file consists of, in order.
func (h *History) lines(yield func(line) bool) {
	ok := yield(line{Run: &h.Run})
	for i := 0; ok && i < len(h.Ops); i++ {
		ok = yield(line{Op: &h.Ops[i]})
	}
	for i := 0; ok && i < len(h.Beliefs); i++ {
		ok = yield(line{Belief: &h.Beliefs[i]})
	}
	for i := 0; ok && i < len(h.Writes); i++ {
		ok = yield(line{Write: &h.Writes[i]})
	}
	for i := 0; ok && i < len(h.Faults); i++ {
		ok = yield(line{Fault: &h.Faults[i]})
	}
	for i := 0; ok && i < len(h.Leaders); i++ {
		ok = yield(line{Leader: &h.Leaders[i]})
	}
	if ok && h.Final != nil {
		yield(line{Final: h.Final})
	}
}

// Encode writes h as JSON lines, which Decode reads.
func Encode(w io.Writer, h *History) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	for l := range h.lines {
		if err := enc.Encode(l); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// Decode reads what Encode wrote. What is no such line, or stands where it must
// not, is ErrFormat.
func Decode(r io.Reader) (*History, error) {
	in := bufio.NewReader(r)
	h := &History{}
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		if ended := err != nil; ended && len(text) == 0 {
			if n == 1 {
				return nil, fmt.Errorf("read the history: %w: it is empty", ErrFormat)
			}
			return h, nil
		}
		if err := h.add(text, n); err != nil {
			return nil, fmt.Errorf("read the history: %w: line %d: %w", ErrFormat, n, err)
		}
	}
}

// add takes in line n.
func (h *History) add(text []byte, n int) error {
	l, err := parse(text)
	if err != nil {
		return err
	}
	switch {
	case (l.Run != nil) != (n == 1):
		return errors.New(`the first line, and no other, must be {"run": ...}`)
	case l.Run != nil:
		h.Run = *l.Run
	case l.Op != nil:
		if last := len(h.Ops); last > 0 && h.Ops[last-1].Number >= l.Op.Number {
			return fmt.Errorf("op %d stands behind op %d", l.Op.Number, h.Ops[last-1].Number)
		}
		h.Ops = append(h.Ops, *l.Op)
	case l.Belief != nil:
		h.Beliefs = append(h.Beliefs, *l.Belief)
	case l.Write != nil:
		h.Writes = append(h.Writes, *l.Write)
	case l.Fault != nil:
		h.Faults = append(h.Faults, *l.Fault)
	case l.Leader != nil:
		h.Leaders = append(h.Leaders, *l.Leader)
	case h.Final != nil:
		return errors.New("there is a second final state")
	default:
		h.Final = l.Final
	}
	return nil
}

// parse reads one line strictly.
func parse(text []byte) (l line, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return l, err
	}
	if rest := bytes.TrimSpace(text[dec.InputOffset():]); len(rest) > 0 {
		return l, fmt.Errorf("there is more behind the object: %.20q", rest)
	}
	if n := l.set(); n != 1 {
		return l, fmt.Errorf("it holds %d things, and must hold one", n)
	}
	return l, nil
}
