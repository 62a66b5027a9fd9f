package forward

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
)

// runBody is the body of a run frame: hold (varint, ns), record.
func runBody(hold time.Duration, record []byte) [][]byte {
	return [][]byte{binary.AppendVarint(make([]byte, 0, binary.MaxVarintLen64), int64(hold)), record}
}

func decodeRun(body []byte) (hold time.Duration, record []byte, err error) {
	v, n := binary.Varint(body)
	if n <= 0 || v < 0 {
		return 0, nil, fmt.Errorf("%w: the time to hold", errMalformed)
	}
	return time.Duration(v), body[n:], nil
}

// encodeAnswer writes the answer of a run: index, time, result.
func encodeAnswer(a fsm.Answer) []byte {
	e := command.NewEncoder(make([]byte, 0, 128))
	e.Uint(a.Index)
	e.Int(a.Time)
	command.EncodeResult(e, a.Result)
	return e.Bytes()
}

func decodeAnswer(body []byte) (fsm.Answer, error) {
	d := command.NewDecoder(body)
	a := fsm.Answer{Index: d.Uint(), Time: d.Int()}
	a.Result = command.DecodeResult(d)
	return a, d.Close()
}

// encodeIndex is the body of a log index: the answer of a read-index frame and
// the body of a digest frame.
func encodeIndex(index uint64) []byte { return binary.AppendUvarint(nil, index) }

func decodeIndex(body []byte) (uint64, error) {
	d := command.NewDecoder(body)
	index := d.Uint()
	return index, d.Close()
}

// encodeDigest writes the answer of a digest frame: whether there is one, and it.
func encodeDigest(sum [32]byte, ok bool) []byte {
	e := command.NewEncoder(nil)
	e.Bool(ok)
	e.Fixed(sum[:])
	return e.Bytes()
}

func decodeDigest(body []byte) (sum [32]byte, ok bool, err error) {
	d := command.NewDecoder(body)
	ok = d.Bool()
	d.Fixed(sum[:])
	return sum, ok, d.Close()
}

// encodeStatus writes the answer of a status frame: index, time, version.
func encodeStatus(s Status) []byte {
	e := command.NewEncoder(nil)
	e.Uint(s.AppliedIndex)
	e.Int(s.Time)
	e.String(s.Version)
	return e.Bytes()
}

func decodeStatus(body []byte) (Status, error) {
	d := command.NewDecoder(body)
	s := Status{AppliedIndex: d.Uint(), Time: d.Int(), Version: d.String()}
	return s, d.Close()
}

// encodeProblem is the body of a problem frame: code, text.
func encodeProblem(err error) []byte {
	return append([]byte{byte(problemOf(err).code)}, err.Error()...)
}
