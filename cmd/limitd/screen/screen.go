// Package screen redraws a terminal in place, and reads single keys from it:
//
//	out, ok := screen.Terminal(os.Stdout)
//	s := screen.Open(out)
//	defer s.Close()
//	s.Draw("a first line\na second\n")
//
// It shows text on the terminal's second page, so that what stood there before is
// there again after Close. Text may hold colours (SGR sequences) and nothing else
// that steers a terminal. Nothing flickers: a frame is written over the one before
// it, in one write.
package screen

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// What is told to the terminal, in the spelling of ECMA-48 and xterm.
const (
	secondPage = "\x1b[?1049h"
	firstPage  = "\x1b[?1049l"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	noWrap     = "\x1b[?7l"
	wrap       = "\x1b[?7h"
	home       = "\x1b[H"
	clearLine  = "\x1b[K" // to its end
	clearBelow = "\x1b[J"
	noColour   = "\x1b[0m"
)

// Screen is a terminal that is being drawn on.
type Screen struct {
	out  io.Writer
	size func() (width, height int)
}

// Terminal returns w as a file if it is a terminal.
func Terminal(w any) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	return f, true
}

// Open turns to the terminal's second page and hides the cursor. Close undoes it.
func Open(out *os.File) *Screen {
	s := &Screen{out: out, size: func() (int, int) { return sizeOf(out) }}
	fmt.Fprint(s.out, secondPage+hideCursor+noWrap)
	return s
}

// sizeOf returns the columns and lines of a terminal, or those of the oldest
// where it does not tell.
func sizeOf(f *os.File) (width, height int) {
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// Size returns the columns and lines that there are right now.
func (s *Screen) Size() (width, height int) { return s.size() }

// Draw shows text instead of what was shown before. What is too wide is cut
// off; where there are too many lines, the last one that fits says so.
func (s *Screen) Draw(text string) error {
	width, height := s.size()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if hidden := len(lines) - height; hidden > 0 {
		lines = append(lines[:height-1:height-1], fmt.Sprintf("... and %d more lines", hidden+1))
	}
	var frame bytes.Buffer
	frame.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			frame.WriteString("\r\n")
		}
		frame.WriteString(cut(line, width) + noColour + clearLine)
	}
	frame.WriteString(clearBelow)
	_, err := s.out.Write(frame.Bytes())
	return err
}

// Close gives the terminal back as it was.
func (s *Screen) Close() { fmt.Fprint(s.out, noColour+wrap+showCursor+firstPage) }

// cut returns the first columns of a line. Colours take none.
func cut(line string, columns int) string {
	for i := 0; i < len(line); {
		if n := colour(line[i:]); n > 0 {
			i += n
			continue
		}
		if columns == 0 {
			return line[:i]
		}
		columns--
		_, n := utf8.DecodeRuneInString(line[i:])
		i += n
	}
	return line
}

// colour returns the length of the SGR sequence that text begins with; 0: none.
func colour(text string) int {
	if !strings.HasPrefix(text, "\x1b[") {
		return 0
	}
	n := strings.IndexByte(text, 'm')
	if n < 0 || strings.Trim(text[2:n], "0123456789;") != "" {
		return 0
	}
	return n + 1
}
