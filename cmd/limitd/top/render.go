package top

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/limitd/limitd/transport/wire"
)

// Colours, as SGR sequences.
const (
	plain   = "\x1b[0m"
	inverse = "\x1b[7m"
	faint   = "\x1b[2m"
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
)

const (
	barWidth  = 10
	nameWidth = 12 // at least
	nearlyAll = 0.8
)

// column is one column of the table.
type column struct {
	title string
	sort  string // the order that it stands for; "": none
	left  bool   // aligned
	text  func(Row) string
}

func columns() []column {
	return []column{
		{"LIMIT", ByName, true, func(r Row) string { return r.Name }},
		{"USE", ByUse, true, func(r Row) string { return bar(r.use()) }},
		{"OCCUPIED", "", false, func(r Row) string { return fmt.Sprintf("%d/%d", r.Occupied, r.Slots) }},
		{"WAITING", ByWaiting, false, func(r Row) string { return strconv.FormatInt(r.Waiting, 10) }},
		{"OLDEST", ByOldest, false, func(r Row) string { return oldestText(r) }},
		{"DENIED/S", ByDenied, false, func(r Row) string { return rateText(r.Denied) }},
		{"HELD", ByHeld, false, func(r Row) string { return spanText(r.Held) }},
		{"RATE", "", false, func(r Row) string { return r.Rate }},
		{"STATE", "", true, func(r Row) string { return r.State }},
	}
}

// Render returns the look as lines of at most width columns, height of them; 0:
// as many as there are. The zero look is that of nobody.
func Render(l Look, v *View, width, height int) string {
	var b strings.Builder
	if l.Limits == nil {
		b.WriteString("limitd top   no node has answered yet\n\n")
	} else {
		heading(&b, l.Totals, v)
	}
	if v.Help {
		b.WriteString(keys)
	}
	if v.Help || l.Limits == nil {
		return b.String()
	}
	cols, rows := columns(), v.Rows(l)
	widths := widthsOf(cols, rows, width)
	line(&b, v, inverse, cols, widths, func(c column) string { return c.titleIn(v) })
	for _, r := range v.visible(rows, height-strings.Count(b.String(), "\n")) {
		line(&b, v, tint(r), cols, widths, func(c column) string { return c.text(r) })
	}
	if len(rows) == 0 {
		b.WriteString(nothing(l, v))
	}
	return b.String()
}

func heading(b *strings.Builder, t Totals, v *View) {
	leader := "no leader"
	if t.Leader != "" {
		leader = fmt.Sprintf("leader %s, term %d", t.Leader, t.Term)
	}
	fmt.Fprintf(b, "limitd top   nodes %d/%d alive, %s", t.Alive, t.Nodes, leader)
	if v.Paused {
		b.WriteString("   PAUSED")
	}
	counted := ""
	if t.Counted < t.Nodes {
		counted = fmt.Sprintf(" (of %d/%d nodes)", t.Counted, t.Nodes)
	}
	fmt.Fprintf(b, "\nlimits %d   leases %d   waiting %d   granted %s/s   denied %s/s%s\n",
		t.Limits, t.Leases, t.Waiting, rateText(t.Granted), rateText(t.Denied), counted)
	switch {
	case v.typing:
		fmt.Fprintf(b, "/%s_\n", v.Filter)
	case v.Filter != "":
		fmt.Fprintf(b, "/%s (Esc: all)\n", v.Filter)
	default:
		b.WriteByte('\n')
	}
}

const keys = `Sort by  n name  u use  w waiting  o oldest waiter  d denied/s  h held; again: the other way round
         r the other way round
Show     / only names with ...  Esc all  p pause  j k, arrows, PgUp PgDn scroll
         ? these keys  q quit

HELD is how long a slot is occupied, on average. OLDEST is how long the first of the
queue waits. Granted and denied per second are those of all nodes that can be asked.
`

func nothing(l Look, v *View) string {
	if len(l.Limits) > 0 {
		return fmt.Sprintf("No limit's name contains %q.\n", v.Filter)
	}
	return "No limits yet: limitd limit create gpu --slots 2\n"
}

// titleIn returns the title, with an arrow where the rows are sorted by it.
func (c column) titleIn(v *View) string {
	switch {
	case c.sort == "" || c.sort != v.Sort:
		return c.title
	case v.Reverse:
		return c.title + "△"
	}
	return c.title + "▽"
}

// widthsOf returns the columns' widths; the names get what the others leave.
func widthsOf(cols []column, rows []Row, width int) []int {
	widths := make([]int, len(cols))
	all := 0
	for i, c := range cols {
		widths[i] = utf8.RuneCountInString(c.title) + 1 // room for the arrow
		for _, r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text(r)))
		}
		all += widths[i] + 1
	}
	if over := all - width; width > 0 && over > 0 {
		widths[0] = max(nameWidth, widths[0]-over)
	}
	return widths
}

// line writes one line of the table, in a colour.
func line(b *strings.Builder, v *View, colour string, cols []column, widths []int, text func(column) string) {
	if v.Colour {
		b.WriteString(colour)
	}
	for i, c := range cols {
		if i > 0 {
			b.WriteByte(' ')
		}
		cell := shorten(text(c), widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch {
		case !c.left:
			b.WriteString(pad + cell)
		case i == len(cols)-1:
			b.WriteString(cell)
		default:
			b.WriteString(cell + pad)
		}
	}
	if v.Colour {
		b.WriteString(plain)
	}
	b.WriteByte('\n')
}

// shorten cuts text to n letters, the last of which then says so.
func shorten(text string, n int) string {
	letters := []rune(text)
	if len(letters) <= n {
		return text
	}
	return string(letters[:n-1]) + "…"
}

// tint returns the colour of a row.
func tint(r Row) string {
	switch {
	case r.State != "active":
		return faint
	case r.Waiting > 0 && r.use() >= 1:
		return red
	case r.use() >= nearlyAll:
		return yellow
	case r.Occupied > 0:
		return green
	}
	return plain
}

// visible returns the rows that fit, and holds the view to them.
func (v *View) visible(rows []Row, height int) []Row {
	v.top = max(0, min(v.top, len(rows)-max(1, height)))
	if height <= 0 || len(rows)-v.top < height {
		return rows[v.top:]
	}
	return rows[v.top : v.top+height]
}

// bar draws a share. What is not quite all is never drawn full, nor what is not
// quite nothing empty.
func bar(share float64) string {
	full := int(share * barWidth)
	if share > 0 {
		full = max(1, full)
	}
	full = min(full, barWidth)
	return "[" + strings.Repeat("|", full) + strings.Repeat(" ", barWidth-full) + "]"
}

func oldestText(r Row) string {
	switch {
	case r.Oldest != nil:
		return spanText(*r.Oldest)
	case r.Waiting > 0:
		return "?"
	}
	return "-"
}

// spanText writes a span in three or four letters or digits.
func spanText(d wire.Duration) string {
	switch t := time.Duration(d); {
	case t <= 0:
		return "-"
	case t < time.Second:
		return fmt.Sprintf("%dms", t.Milliseconds())
	case t < 10*time.Second:
		return fmt.Sprintf("%.1fs", t.Seconds())
	case t < 2*time.Minute:
		return fmt.Sprintf("%ds", int(t.Seconds()))
	case t < 2*time.Hour:
		return fmt.Sprintf("%dm", int(t.Minutes()))
	case t < 48*time.Hour:
		return fmt.Sprintf("%dh", int(t.Hours()))
	default:
		return fmt.Sprintf("%dd", int(t.Hours()/24))
	}
}

// rateText writes a rate; whole numbers from ten on.
func rateText(perSecond *float64) string {
	switch {
	case perSecond == nil:
		return "-"
	case *perSecond == 0:
		return "0"
	case *perSecond < 10:
		return strconv.FormatFloat(*perSecond, 'f', 1, 64)
	}
	return strconv.FormatFloat(*perSecond, 'f', 0, 64)
}
