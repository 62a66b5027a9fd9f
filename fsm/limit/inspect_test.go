package limit_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/limit"
)

// TestInspect reads the golden snapshots of every format, whole and with a byte
// changed here and there.
func TestInspect(t *testing.T) {
	for name, want := range map[string]struct {
		format byte
		counts limit.Counts
		held   bool // in quarantine
	}{
		"snapshot-1":     {1, limit.Counts{Limits: 5, Leases: 2, Waiters: 2, Remembered: 9, Holdings: 4}, false},
		"snapshot-2":     {2, limit.Counts{Limits: 1, Leases: 2, Waiters: 1, Remembered: 6, Holdings: 3}, false},
		"snapshot-4":     {4, limit.Counts{Limits: 2, Leases: 1, Waiters: 2, Remembered: 3, Holdings: 1}, true},
		"snapshot-4-cut": {4, limit.Counts{Limits: 2, Leases: 1, Waiters: 2, Remembered: 3, Holdings: 1}, false},
	} {
		b := goldenBytes(t, "testdata/"+name+".hex")
		c, err := limit.Inspect(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		restored, err := limit.Restore(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Counts != restored.Counts() || c.Index != restored.Index() || c.Time != restored.Time() || c.Token != restored.Token() || c.Quarantine != restored.Quarantine() {
			t.Errorf("%s: inspected %+v, restored %+v", name, c, restored.Counts())
		}
		if c.Format != want.format || c.Counts != want.counts || c.Quarantine > 0 != want.held || c.Bytes != int64(len(b)) || c.Sum != [32]byte(b[len(b)-32:]) {
			t.Errorf("%s: %+v", name, c)
		}
		for i := 0; i < len(b); i += 17 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 0x10
			if _, err := limit.Inspect(bytes.NewReader(damaged)); !errors.Is(err, limit.ErrDamaged) && !errors.Is(err, limit.ErrNewer) {
				t.Fatalf("%s with byte %d changed: %v", name, i, err)
			}
		}
	}
}

func goldenBytes(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
