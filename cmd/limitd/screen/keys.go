package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// Interrupt is what Ctrl-C sends while keys are read.
const Interrupt = "\x03"

// ReadKeys has the terminal hand over each key at once, unseen. Call the
// returned function to have it read lines again.
func ReadKeys(in *os.File) (restore func(), err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return func() { _ = term.Restore(int(in.Fd()), before) }, nil // a terminal that is gone needs nothing
}

// EachKey calls press for each key that is pressed, until in ends. A key that
// sends several bytes, as arrows do, comes in one piece.
func EachKey(in io.Reader, press func(key string)) {
	buffer := make([]byte, 64)
	for {
		n, err := in.Read(buffer)
		for _, key := range split(string(buffer[:n])) {
			press(key)
		}
		if err != nil {
			return
		}
	}
}

// split cuts what was read at once into keys: a sequence that begins with an
// escape is one, everything else is a key a letter.
func split(read string) []string {
	var keys []string
	for read != "" {
		n := sequence(read)
		if n == 0 {
			_, n = utf8.DecodeRuneInString(read)
		}
		keys, read = append(keys, read[:n]), read[n:]
	}
	return keys
}

// sequence returns the length of the sequence that text begins with: ESC O and a
// letter, or ESC [, parameters and a letter. 0: it begins with none.
func sequence(text string) int {
	switch {
	case strings.HasPrefix(text, "\x1bO") && len(text) > 2:
		return 3
	case !strings.HasPrefix(text, "\x1b["):
		return 0
	}
	for i := 2; i < len(text); i++ {
		if text[i] >= 0x40 && text[i] <= 0x7e {
			return i + 1
		}
	}
	return len(text)
}
