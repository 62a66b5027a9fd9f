package command_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/command"
)

var newGolden = flag.Bool("golden", false, "write the golden files that are missing; those that exist are never changed")

// TestGoldenRecords holds the bytes of one record of each kind against
// testdata. A log that was written once must be read for ever: where this test
// fails the format has changed, which takes a new kind, not a new golden file.
func TestGoldenRecords(t *testing.T) {
	for _, op := range sampleOps() {
		t.Run(op.Kind().String(), func(t *testing.T) {
			want := command.Command{Header: sampleHeader(), Op: op}
			b := golden(t, "record-"+op.Kind().String(), command.Encode(want))
			got, err := command.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("read\n%+v\nwant\n%+v", got.Op, want.Op)
			}
		})
	}
}

// TestGoldenResults does so for results, which snapshots keep.
func TestGoldenResults(t *testing.T) {
	for _, want := range sampleResults() {
		name := strings.ToLower(reflect.TypeOf(want).Elem().Name())
		t.Run(name, func(t *testing.T) {
			b := golden(t, "result-"+name, encodeResult(want))
			d := command.NewDecoder(b)
			got := command.DecodeResult(d)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("read\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

func encodeResult(r command.Result) []byte {
	e := command.NewEncoder(nil)
	command.EncodeResult(e, r)
	return e.Bytes()
}

// golden returns the bytes of the golden file, and checks that b is the same.
func golden(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *newGolden {
		text = []byte(hexLines(b))
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s: wrote\n%swant\n%s", path, hexLines(b), hexLines(want))
	}
	return want
}

func hexLines(b []byte) string {
	var text strings.Builder
	for len(b) > 0 {
		n := min(32, len(b))
		text.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return text.String()
}

// TestEveryKindHasASample walks all numbers that a kind can have.
func TestEveryKindHasASample(t *testing.T) {
	sampled := map[string]bool{}
	for _, op := range sampleOps() {
		sampled[op.Kind().String()] = true
	}
	for k := range 256 {
		name := command.Kind(k).String()
		if strings.HasPrefix(name, "kind(") {
			if _, err := command.Decode(recordOfKind(byte(k))); !errors.Is(err, command.ErrUnknown) {
				t.Errorf("kind %d has no name, and Decode says %v", k, err)
			}
			continue
		}
		if !sampled[name] {
			t.Errorf("no sample of a record of kind %s", name)
		}
	}
	for k := range 256 {
		d := command.NewDecoder([]byte{byte(k)})
		command.DecodeResult(d)
		if known := !errors.Is(d.Err(), command.ErrUnknown); known != sampledResult(byte(k)) {
			t.Errorf("result kind %d: known %v, sampled %v", k, known, !known)
		}
	}
}

// recordOfKind returns a sound record of a kind without content.
func recordOfKind(k byte) []byte {
	b := command.Encode(command.Command{Header: sampleHeader(), Op: &command.Tick{}})
	b[1] = k
	command.Stamp(b, sampleHeader())
	return b
}

func sampledResult(k byte) bool {
	for _, r := range sampleResults() {
		if encodeResult(r)[0] == k {
			return true
		}
	}
	return false
}

// TestDamageIsRefused flips every bit of every sample, and cuts it at every length.
func TestDamageIsRefused(t *testing.T) {
	for _, op := range sampleOps() {
		b := command.Encode(command.Command{Header: sampleHeader(), Op: op})
		for bit := range 8 * len(b) {
			damaged := bytes.Clone(b)
			damaged[bit/8] ^= 1 << (bit % 8)
			if _, err := command.Decode(damaged); err == nil {
				t.Fatalf("%v: bit %d flipped, and nobody noticed", op.Kind(), bit)
			}
		}
		for n := range len(b) {
			if _, err := command.Decode(b[:n]); !errors.Is(err, command.ErrCorrupt) {
				t.Fatalf("%v cut to %d bytes: %v", op.Kind(), n, err)
			}
		}
		if _, err := command.Decode(append(bytes.Clone(b), 0)); !errors.Is(err, command.ErrCorrupt) {
			t.Fatalf("%v with a byte too many: %v", op.Kind(), err)
		}
	}
}

// TestShortResultsAreRefused cuts every sample of a result: they travel between
// nodes without a checksum of their own.
func TestShortResultsAreRefused(t *testing.T) {
	for _, r := range sampleResults() {
		b := encodeResult(r)
		for n := range len(b) {
			d := command.NewDecoder(b[:n])
			command.DecodeResult(d)
			if d.Close() == nil {
				t.Fatalf("%T cut to %d bytes of %d, and nobody noticed", r, n, len(b))
			}
		}
	}
}
