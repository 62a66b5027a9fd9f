package batch

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Known is a seed that is run for ever, because it found something once.
type Known struct {
	Seed uint64
	Args []string
	Why  string
}

// ReadKnown reads a list of seeds, one a line: the seed, arguments, and behind
// a # what it found.
func ReadKnown(r io.Reader) (list []Known, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, why, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		seed, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d of the seeds: %w", n, err)
		}
		list = append(list, Known{Seed: seed, Args: fields[1:], Why: strings.TrimSpace(why)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the seeds: %w", err)
	}
	return list, nil
}
