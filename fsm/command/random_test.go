package command_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"pgregory.net/rapid"
)

// TestRoundTrip writes random values of every operation and result, and reads
// them back; and an equal value has equal bytes.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := command.Command{Op: fresh(rapid.SampledFrom(sampleOps()).Draw(t, "op"))}
		fill(t, reflect.ValueOf(&c.Header).Elem())
		fill(t, reflect.ValueOf(c.Op).Elem())
		b := command.Encode(c)
		got, err := command.Decode(b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("wrote %+v, read %+v, %v", c.Op, got.Op, err)
		}
		if !bytes.Equal(command.Encode(got), b) {
			t.Fatal("two encodings of one value")
		}
		r := fresh(rapid.SampledFrom(sampleResults()).Draw(t, "result"))
		fill(t, reflect.ValueOf(r).Elem())
		d := command.NewDecoder(encodeResult(r))
		if back := command.DecodeResult(d); d.Close() != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("wrote %+v, read %+v, %v", r, back, d.Err())
		}
	})
}

// TestStampChangesOnlyTheStamp: what a node encoded once, the leader stamps.
func TestStampChangesOnlyTheStamp(t *testing.T) {
	for _, op := range sampleOps() {
		b := command.Encode(command.Command{Header: command.Header{ID: "x", Accepted: 5}, Op: op})
		command.Stamp(b, sampleHeader())
		want := command.Command{Header: sampleHeader(), Op: op}
		want.ID, want.Accepted = "x", 5
		if got, err := command.Decode(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: read %+v, %v", op.Kind(), got, err)
		}
	}
}

func fresh[T any](v T) T { return reflect.New(reflect.TypeOf(v).Elem()).Interface().(T) }

// fill draws a value for everything in v.
func fill(t *rapid.T, v reflect.Value) {
	if last, ok := lastOf(v.Interface()); ok {
		v.SetUint(uint64(rapid.ByteMax(last).Draw(t, "enum")))
		return
	}
	if _, ok := v.Interface().(command.Rate); ok {
		v.Set(reflect.ValueOf(rapid.SampledFrom([]command.Rate{{}, {Text: "0/s"}, sampleRate(), {Num: 1<<62 - 1, Den: 1<<62 - 1}}).Draw(t, "rate")))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			fill(t, v.Index(v.Len()-1))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	default:
		fillPlain(t, v)
	}
}

func fillPlain(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint"))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "uint32")))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	default:
		t.Fatalf("a field of type %v: teach fill about it", v.Type())
	}
}

// lastOf returns the largest value of an enumeration.
func lastOf(v any) (byte, bool) {
	switch v.(type) {
	case command.Mode:
		return byte(command.RateLimit), true
	case command.Missing:
		return byte(command.MissingCreate), true
	case command.PutMode:
		return byte(command.PutAbsent), true
	case command.SettingID:
		return byte(command.SettingMaxLeases), true
	case command.Reason:
		return byte(command.ReasonForced), true
	case command.LeaseState:
		return byte(command.LeaseWaiting), true
	case command.Verb:
		return byte(command.VerbLast), true
	case command.Code:
		return byte(command.CodeLast), true
	}
	return 0, false
}

// FuzzDecode: whatever the bytes, Decode neither panics nor accepts a second
// encoding of a value. The checksum is mended, or nothing would get past it.
func FuzzDecode(f *testing.F) {
	for _, op := range sampleOps() {
		f.Add(command.Encode(command.Command{Header: sampleHeader(), Op: op}))
	}
	for _, r := range sampleResults() {
		f.Add(encodeResult(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := command.NewDecoder(b)
		if r := command.DecodeResult(d); d.Close() == nil && !bytes.Equal(encodeResult(r), b) {
			t.Errorf("result %+v has two encodings", r)
		}
		if len(b) >= 38 {
			b = bytes.Clone(b)
			c, err := command.Decode(mend(b))
			switch {
			case err == nil && !bytes.Equal(command.Encode(c), b):
				t.Errorf("%+v has two encodings", c.Op)
			case err != nil && !errors.Is(err, command.ErrCorrupt) && !errors.Is(err, command.ErrUnknown):
				t.Errorf("an error of no known kind: %v", err)
			}
		}
	})
}

// mend renews the checksum of b, leaving its header as it is.
func mend(b []byte) []byte {
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
	command.Stamp(b, command.Header{Stamp: int64(at(6)), Term: at(14), Wall: int64(at(22))})
	return b
}
