package top

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Orders by which rows are sorted.
const (
	ByName    = "name"
	ByUse     = "use"
	ByWaiting = "waiting"
	ByOldest  = "oldest"
	ByDenied  = "denied"
	ByHeld    = "held"
)

// Orders returns all orders, in that of the columns.
func Orders() []string { return []string{ByName, ByUse, ByWaiting, ByOldest, ByDenied, ByHeld} }

// View says what of a Look is shown, and how.
type View struct {
	Sort    string // one of Orders
	Reverse bool
	Filter  string // only limits whose names contain it
	Paused  bool   // what is shown stays
	Help    bool   // the keys are shown instead
	Colour  bool

	typing bool // letters go to Filter
	top    int  // rows scrolled away
}

// order compares two rows: whatever asks for attention comes first.
func order(by string) func(a, b Row) int {
	rest := func(a, b Row) int { return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Name, b.Name)) }
	down := func(key func(Row) float64) func(a, b Row) int {
		return func(a, b Row) int { return cmp.Or(cmp.Compare(key(b), key(a)), rest(a, b)) }
	}
	switch by {
	case ByUse:
		return down(Row.use)
	case ByWaiting:
		return down(func(r Row) float64 { return float64(r.Waiting) })
	case ByOldest:
		return down(func(r Row) float64 { return float64(orZero(r.Oldest)) })
	case ByDenied:
		return down(func(r Row) float64 { return orZero(r.Denied) })
	case ByHeld:
		return down(func(r Row) float64 { return float64(r.Held) })
	}
	return func(a, b Row) int { return cmp.Compare(a.Name, b.Name) }
}

func orZero[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

// Rows returns what of the look is to be shown, in its order.
func (v *View) Rows(l Look) []Row {
	var rows []Row
	for _, r := range l.Limits {
		if strings.Contains(r.Name, v.Filter) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, order(v.Sort))
	if v.Reverse {
		slices.Reverse(rows)
	}
	return rows
}

// Press does what a key asks for, and tells whether that is to quit.
func (v *View) Press(key string) (quit bool) {
	if v.typing {
		v.typed(key)
		return false
	}
	switch key {
	case "q", "\x03":
		return true
	case "n", "u", "w", "o", "d", "h":
		v.sortBy(map[string]string{"n": ByName, "u": ByUse, "w": ByWaiting, "o": ByOldest, "d": ByDenied, "h": ByHeld}[key])
	case "r":
		v.Reverse = !v.Reverse
	case "/":
		v.typing, v.Filter, v.top = true, "", 0
	case "p", " ":
		v.Paused = !v.Paused
	case "?":
		v.Help = !v.Help
	case "\x1b":
		v.Filter, v.Help = "", false
	default:
		v.scroll(key)
	}
	return false
}

// sortBy sorts by another column, or the other way round by the same.
func (v *View) sortBy(column string) {
	v.Reverse = v.Sort == column && !v.Reverse
	v.Sort, v.top = column, 0
}

// scroll moves over the rows; Render stops at their ends.
func (v *View) scroll(key string) {
	const page = 10
	switch key {
	case "j", "\x1b[B", "\x1bOB":
		v.top++
	case "k", "\x1b[A", "\x1bOA":
		v.top--
	case "\x1b[6~":
		v.top += page
	case "\x1b[5~":
		v.top -= page
	case "g", "\x1b[H":
		v.top = 0
	}
}

// typed takes a key while the filter is written.
func (v *View) typed(key string) {
	switch r, _ := utf8.DecodeRuneInString(key); {
	case key == "\r" || key == "\n":
		v.typing = false
	case key == "\x1b" || key == "\x03":
		v.typing, v.Filter = false, ""
	case key == "\x7f" || key == "\b":
		_, last := utf8.DecodeLastRuneInString(v.Filter)
		v.Filter = v.Filter[:len(v.Filter)-last]
	case unicode.IsGraphic(r):
		v.Filter += key
	}
}
