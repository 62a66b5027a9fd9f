package screen

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// fake is a screen of ten columns and three lines.
func fake() (*Screen, *bytes.Buffer) {
	var out bytes.Buffer
	return &Screen{out: &out, size: func() (int, int) { return 10, 3 }}, &out
}

func TestDraw(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "\x1b[H\x1b[0m\x1b[K\x1b[J"},
		{"what fits", "a\nb\n", "\x1b[Ha\x1b[0m\x1b[K\r\nb\x1b[0m\x1b[K\x1b[J"},
		{"too wide", "0123456789ab", "\x1b[H0123456789\x1b[0m\x1b[K\x1b[J"},
		{"wide letters and colours", "\x1b[1;32mäöü456789x\x1b[0mab", "\x1b[H\x1b[1;32mäöü456789x\x1b[0m\x1b[0m\x1b[K\x1b[J"},
		{"too long", "a\nb\nc\nd\n", "\x1b[Ha\x1b[0m\x1b[K\r\nb\x1b[0m\x1b[K\r\n... and 2 \x1b[0m\x1b[K\x1b[J"},
		{"as long as the screen", "a\nb\nc\n", "\x1b[Ha\x1b[0m\x1b[K\r\nb\x1b[0m\x1b[K\r\nc\x1b[0m\x1b[K\x1b[J"},
	} {
		s, out := fake()
		if err := s.Draw(test.text); err != nil || out.String() != test.want {
			t.Errorf("%s: %v, %q, want %q", test.name, err, out.String(), test.want)
		}
	}
}

func TestCloseUndoesWhatOpenDid(t *testing.T) {
	s, out := fake()
	s.Close()
	for _, undone := range []string{firstPage, showCursor, wrap} {
		if !strings.Contains(out.String(), undone) {
			t.Errorf("Close writes %q, without %q", out.String(), undone)
		}
	}
}

// TestAFileIsNoTerminal opens one all the same, as if it were.
func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := Terminal(f); ok {
		t.Error("a file is a terminal")
	}
	if _, ok := Terminal(io.Discard); ok {
		t.Error("a writer is a terminal")
	}
	if _, err := ReadKeys(f); err == nil {
		t.Error("a file has keys")
	}
	s := Open(f)
	if width, height := s.Size(); width != 80 || height != 24 {
		t.Errorf("the size of a file is %d x %d", width, height)
	}
	s.Close()
	if text, err := os.ReadFile(f.Name()); err != nil || string(text) != secondPage+hideCursor+noWrap+noColour+wrap+showCursor+firstPage {
		t.Errorf("open and close: %q %v", text, err)
	}
}

func TestKeysComeOneByOne(t *testing.T) {
	var keys []string
	EachKey(strings.NewReader("qä\x03\x1b[A\x1bOBx\x1b[6~\x1b?\x1b"), func(key string) { keys = append(keys, key) })
	if want := []string{"q", "ä", Interrupt, "\x1b[A", "\x1bOB", "x", "\x1b[6~", "\x1b", "?", "\x1b"}; !slices.Equal(keys, want) {
		t.Errorf("the keys are %q, want %q", keys, want)
	}
}
