package limit_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

var newGolden = flag.Bool("golden", false, "write the golden snapshot if it is missing; an existing one is never changed")

// goldenRecords make a state with a row in every section of a snapshot but the
// ones that a cut record leaves.
func goldenRecords() string {
	return `
cluster rules=1
at 0s: limit db slots=2 grace=5s label=team:data description=golden
at 0s: limit api slots=3 rate=10/m
at 0s: limit gpu slots=4 numbered
at 1s: acquire a db=1 gpu=2 ttl=1h owner=etl
at 1s: acquire b db=1 api=1/rate ttl=2s
at 1s: acquire c db=2 gpu=1 wait=1h linger=60s family=f
at 2s: acquire d db=1 wait=1h linger=60s
at 2s: acquire e api=3/rate
at 2s: acquire x new=1 missing=create
at 2s: acquire n api=1 anonymous
at 2s: limit more slots=1 inactive key=k1
at 2s: release gone
at 3s: tick
at 12s: tick
at 13s: part d lapse=20s
`
}

// goldenCut makes a state in which a record was cut while it gave back anonymous
// slots.
func goldenCut() string {
	return `
cluster rules=2 budget=2
at 0s: limit db slots=9
at 0s: acquire a db=1 anonymous
at 0s: acquire b db=1
at 0s: acquire c db=2 anonymous
at 0s: acquire d db=1
at 0s: acquire e db=3 anonymous
at 1s: acquire f db=9 wait=1m
at 2s: decrement db=5
`
}

// goldenQuarantine makes a state in which a record was cut while it ended a
// quarantine, and goldenRestored one in the midst of it.
func goldenQuarantine() string {
	return goldenRestored() + `
at 10s: tick
`
}

func goldenRestored() string {
	return `
cluster rules=4 budget=2
at 0s: limit db slots=2
at 0s: limit gpu slots=2
at 0s: acquire a db=1 ttl=1h
at 0s: restore longest_ttl=10s
at 1s: acquire b db=1 wait=1m linger=60s
at 1s: acquire c gpu=1 wait=1m linger=60s
`
}

// TestGoldenSnapshot holds a snapshot's bytes against testdata: they are read
// for ever. Where it fails the format has changed, which takes a new format
// number beside the old one, not a new golden file.
func TestGoldenSnapshot(t *testing.T) {
	t.Run("1", func(t *testing.T) { golden(t, goldenRecords(), "testdata/snapshot-1.hex") })
	t.Run("2", func(t *testing.T) { golden(t, goldenCut(), "testdata/snapshot-2.hex") })
	t.Run("4", func(t *testing.T) { golden(t, goldenRestored(), "testdata/snapshot-4.hex") })
	t.Run("4, cut", func(t *testing.T) { golden(t, goldenQuarantine(), "testdata/snapshot-4-cut.hex") })
}

func golden(t *testing.T, records, path string) {
	s := &script{}
	for _, line := range strings.Split(records, "\n") {
		if err := s.line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	written := snapshot(s.both.real)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *newGolden {
		text = []byte(hexLines(written))
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(golden, written) {
		t.Errorf("wrote\n%s", hexLines(written))
	}
	restored, err := limit.Restore(bytes.NewReader(golden))
	if err != nil {
		t.Fatal(err)
	}
	s.both.real = restored
	if err := s.both.compare(); err != nil {
		t.Error(err)
	}
}

func hexLines(b []byte) string {
	var text strings.Builder
	for len(b) > 0 {
		n := min(40, len(b))
		text.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return text.String()
}

// TestRewrite: a backup that is restored goes on with tokens that none of the
// old cluster can have reached, and keeps everything else (S2).
func TestRewrite(t *testing.T) {
	b := newBoth(command.DefaultSettings())
	d := &script{both: b, ages: map[string]uint64{}, now: 1e9}
	for _, line := range []string{"limit db slots=2", "acquire a db=1", "acquire b db=1", "acquire c db=1 wait=1h"} {
		words := strings.Fields(line)
		if err := d.record(words[0], words[1:]); err != nil {
			t.Fatal(err)
		}
	}
	var backup bytes.Buffer
	for newest, want := range map[uint64]uint64{0: 1<<40 + 2, 1 << 41: 3 << 40} { // of another cluster; of this one, after a restore
		backup.Reset()
		if _, err := limit.Rewrite(bytes.NewReader(snapshot(b.real)), &backup, limit.Restoration{Token: newest}); err != nil {
			t.Fatal(err)
		}
		if s, err := limit.Restore(bytes.NewReader(backup.Bytes())); err != nil || s.Token() != want {
			t.Errorf("in a cluster that has given %d: the newest token is %d, %v", newest, s.Token(), err)
		}
	}
	backup.Reset()
	if _, err := limit.Rewrite(bytes.NewReader(snapshot(b.real)), &backup, limit.Restoration{}); err != nil {
		t.Fatal(err)
	}
	s, err := limit.Restore(&backup)
	if err != nil {
		t.Fatal(err)
	}
	h := command.Header{Stamp: 2e9, Accepted: 2e9, Term: 1}
	released := s.Apply(90, 1, command.Command{Header: h, Op: &command.Release{Token: 1}})
	if len(released.Outcomes) != 1 || s.Counts().Leases != 2 {
		t.Fatalf("%+v, %+v", released, s.Counts())
	}
	if g, ok := released.Outcomes[0].Result.(*command.Granted); !ok || g.Token != 1<<40+3 {
		t.Errorf("got %+v", released.Outcomes[0].Result)
	}
}
