// Command count reads the output of `go test -json` and prints what `go test`
// would: a line for each package, and all that failed tests said. It closes with
// the number of tests that were run:
//
//	go test -json ./... | go -C tools run ./count
//	...
//	412 passed, 0 failed, 0 skipped
//
// It exits with 1 where a test or a package failed, or where none was run.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of go test's stream (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// tally is what was seen so far.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	broken                  bool                // a package failed, or a line was no event
	said                    map[string][]string // by package and test, until it ends
}

func main() {
	t := &tally{out: os.Stdout, said: map[string][]string{}}
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "count:", err)
		os.Exit(1)
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 || t.broken || t.passed == 0 {
		os.Exit(1)
	}
}

func (t *tally) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(t.out, lines.Text()) // what the go command itself says
			continue
		}
		t.take(e)
	}
	return lines.Err()
}

func (t *tally) take(e event) {
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "build-fail":
		t.broken = true
	case "output":
		if e.Test == "" && (strings.HasPrefix(e.Output, "ok") || strings.HasPrefix(e.Output, "FAIL")) {
			fmt.Fprint(t.out, e.Output)
			return
		}
		t.said[key] = append(t.said[key], e.Output)
	case "pass", "fail", "skip":
		t.end(e, key)
	}
}

// end counts a test or a package that is over. What failed is printed whole.
func (t *tally) end(e event, key string) {
	if e.Action == "fail" {
		t.broken = true
		fmt.Fprint(t.out, strings.Join(t.said[key], ""))
	}
	delete(t.said, key)
	if e.Test == "" {
		return
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
	case "skip":
		t.skipped++
	}
}
