package limit

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/limitd/limitd/fsm/command"
)

// ErrName says that a limit cannot have the name.
var ErrName = errors.New("not a limit's name")

// CheckName returns ErrName, with the reason, for what L1 refuses: names are 1
// to 255 bytes of UTF-8 without / % & > < and control characters, and neither
// "." nor "..".
func CheckName(name string) error {
	refuse := func(why string) error { return fmt.Errorf("%w: %q %s", ErrName, name, why) }
	switch {
	case name == "":
		return refuse("is empty")
	case len(name) > 255:
		return refuse("is longer than 255 bytes")
	case !utf8.ValidString(name):
		return refuse("is not valid UTF-8")
	case name == "." || name == "..":
		return refuse("would be a path of its own")
	case strings.ContainsAny(name, "/%&><"):
		return refuse("contains one of / % & > <")
	}
	for _, r := range name {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return refuse("contains a control character")
		}
	}
	return nil
}

// CheckSettings returns nil where a limit can have these settings, and else an
// error that says what is wrong and how to mend it.
func CheckSettings(set command.LimitSettings) error {
	switch {
	case set.Slots < 0 || set.Slots > command.MaxSlots:
		return fmt.Errorf("slots is %d; it can be 0 to %d", set.Slots, int64(command.MaxSlots))
	case set.Grace < 0 || set.Grace > MaxGrace:
		return errors.New("grace can be 0 to 24h")
	case set.Numbered && set.Slots > command.MaxNumbered:
		return fmt.Errorf("a numbered limit has at most %d slots, not %d", command.MaxNumbered, set.Slots)
	case set.Numbered && !set.Rate.IsZero():
		return errors.New("a numbered limit cannot decay: set the rate to 0/s, or numbered to false")
	}
	return nil
}

// Distance is how many letters must be changed, added, dropped or swapped with
// their neighbour to turn a into b (optimal string alignment).
func Distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
