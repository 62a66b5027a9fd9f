package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// bars draws calls one by one into a strip. Forms tell the classes apart, not
// colours alone: granted and done are full, denied is low, refused is a thin
// hollow bar, unknown a dashed hollow one; waiting is a thin line before the bar.
type bars struct {
	axis   axis
	row    *row
	height int          // of a lane
	titled int          // how many more may have a title
	every  bool         // all may, not only those that went wrong
	shown  map[int]bool // of violated calls; may be nil
	all    [classes]path
	waits  path
}

// box is where a call of a class lies within its lane.
func (b *bars) box(c class, lane int) (y, height int) {
	y, height = lane*b.height+1, b.height-2
	switch c {
	case denied:
		return y + height/2, height - height/2
	case refused:
		return y + height/3, max(height-2*(height/3), 1)
	}
	return y, height
}

// add draws a call.
func (b *bars) add(o *history.Op, lane int) {
	c := classOf(o)
	from, to := span(o)
	if c == granted && o.Waited > 0 {
		start := from + min(o.Waited, to-from)
		b.waits.add('M', b.axis.x(from), lane*b.height+b.height/2)
		b.waits.add('H', b.axis.x(start))
		from = start
	}
	if c == denied && o.Wait > 0 {
		b.waits.add('M', b.axis.x(from), lane*b.height+b.height/2)
		b.waits.add('H', b.axis.x(to))
		from = to
	}
	y, height := b.box(c, lane)
	x, width := b.axis.x(from), max(b.axis.x(to)-b.axis.x(from), 1)
	violated := b.shown[o.Number]
	if !violated && (b.titled <= 0 || !b.every && c < refused) {
		b.all[c].box(x, y, width, height)
		return
	}
	b.titled--
	var p path
	p.box(x, y, width, height)
	class := "op " + c.String()
	if violated {
		class += " violated"
	}
	b.row.draw(class, &p, describe(o))
}

// flush draws what has no title of its own. It comes last.
func (b *bars) flush() {
	b.row.draw("op waiting", &b.waits, "")
	for _, c := range allClasses() {
		b.row.draw("op "+c.String(), &b.all[c], "")
	}
}

// describe is a call in one line.
func describe(o *history.Op) string {
	from, to := span(o)
	parts := []string{fmt.Sprintf("#%d c%d %s", o.Number, o.Client, o.Kind)}
	if asked := ask(o); asked != "" {
		parts = append(parts, asked)
	}
	parts = append(parts, "→ "+answer(o), fmt.Sprintf("%s + %s", moment(from), length(to-from)))
	if o.Node != "" {
		parts = append(parts, "at "+o.Node)
	}
	return strings.Join(parts, " ")
}

// ask is what a call asked for, for people.
func ask(o *history.Op) string {
	var parts []string
	for _, w := range o.Limits {
		s := fmt.Sprintf("%s×%d", w.Name, w.Slots)
		if o.Kind != history.Acquire {
			s = w.Name
		} else if w.Rate {
			s += " (rate)"
		}
		parts = append(parts, s)
	}
	for i, t := range o.Tokens {
		if i == 4 {
			parts = append(parts, fmt.Sprintf("and %d more tokens", len(o.Tokens)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("token %d", t))
	}
	if o.Config != nil {
		parts = append(parts, config(*o.Config))
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"wait", o.Wait}, {"ttl", o.TTL}} {
		if d.d > 0 {
			parts = append(parts, d.name+" "+length(d.d))
		}
	}
	if o.Abandoned {
		parts = append(parts, "(abandoned on purpose)")
	}
	return strings.Join(parts, ", ")
}

// config is a limit's settings, for people.
func config(s history.Settings) string {
	out := fmt.Sprintf("slots %d", s.Slots)
	if rate := perSecond(s); rate > 0 {
		out += ", " + decimal(rate) + "/s"
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{s.Inactive, "inactive"}, {s.Shadow, "shadow"}, {s.Numbered, "numbered"}, {s.Grace > 0, "grace " + length(s.Grace)}} {
		if flag.on {
			out += ", " + flag.name
		}
	}
	return out
}

// answer is how a call ended, for people.
func answer(o *history.Op) string {
	parts := []string{string(o.Outcome)}
	switch c := classOf(o); {
	case c == granted:
		parts = []string{"granted", fmt.Sprintf("token %d", o.Token)}
		if o.Waited > 0 {
			parts = append(parts, "waited "+length(o.Waited))
		}
		parts = append(parts, ordinals(o)...)
	case c == done && o.Kind == history.ReadLimit && o.Found:
		parts = []string{fmt.Sprintf("occupied %d of %d, %d waiting", o.Occupied, o.Slots, o.Waiting)}
	case c == done && o.Kind == history.Release && o.Released:
		parts = []string{"released"}
	}
	parts = append(parts, said(o)...)
	return strings.Join(parts, ", ")
}

func ordinals(o *history.Op) []string {
	var list []string
	for _, g := range o.Granted {
		if len(g.Ordinals) > 0 {
			list = append(list, short(fmt.Sprintf("%s ordinals %v", g.Name, g.Ordinals), 80))
		}
	}
	return list
}

// said is the rest of an answer, as far as there is any.
func said(o *history.Op) []string {
	var list []string
	for _, s := range []string{o.Code, o.Reason, o.State, short(o.Detail, 160)} {
		if s != "" {
			list = append(list, s)
		}
	}
	if o.Replayed {
		list = append(list, "replayed")
	}
	if o.Cancelled {
		list = append(list, "cancelled")
	}
	for i, l := range o.Leases {
		if i == 4 {
			list = append(list, fmt.Sprintf("and %d more leases", len(o.Leases)-i))
			break
		}
		list = append(list, fmt.Sprintf("%d %s", l.Token, l.State))
	}
	if o.RetryAfter > 0 {
		list = append(list, "retry after "+length(o.RetryAfter))
	}
	if o.Tries > 1 {
		list = append(list, fmt.Sprintf("%d tries", o.Tries))
	}
	if o.Index > 0 {
		list = append(list, fmt.Sprintf("index %d", o.Index))
	}
	return list
}
