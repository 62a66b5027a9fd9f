package check

import (
	"maps"
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeReads compares reads with what a replay up to their index tells must be,
// and may be, occupied and waiting.
func judgeReads(f *facts, r *report) {
	byLimit := make(map[string][]*act)
	for _, a := range f.acts {
		if a.Kind == history.ReadLimit && a.placed && a.Found && len(a.Limits) == 1 {
			byLimit[a.Limits[0].Name] = append(byLimit[a.Limits[0].Name], a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byLimit)) {
		l := f.limit(name)
		if len(l.puts) == 0 {
			continue
		}
		room := f.room(l)
		for _, a := range byLimit[name] {
			r.saw(1)
			judgeSettings(a, l, r)
			judgeIdle(a, l, room, r)
			judgeWaiting(f, a, name, room, r)
			judgeOccupied(f, a, name, room, r)
		}
	}
}

func judgeSettings(a *act, l *limit, r *report) {
	list, known := l.at(a.Index, a.Index)
	fits := func(set *history.Settings) bool { return set != nil && set.Slots == a.Slots }
	if known && !slices.ContainsFunc(list, fits) {
		r.convict("section 7", show(a.Op), "a read of %q at index %d shows %d slots, which it cannot have had there", l.name, a.Index, a.Slots)
	}
}

// judgeIdle convicts slots that are free while somebody waits for no other limit.
func judgeIdle(a *act, l *limit, m *room, r *report) {
	b := l.bounds(a.Index, a.Index)
	if m.leastWaiting.at(a.Index) > 0 && !m.shared && b.strict() && a.Occupied+m.largest <= b.least {
		r.convict("A3", show(a.Op), "a read of %q at index %d shows %d of %d slots occupied, while somebody waits for at most %d",
			l.name, a.Index, a.Occupied, b.least, m.largest)
	}
}

func judgeOccupied(f *facts, a *act, name string, m *room, r *report) {
	least, most := m.least.at(a.Index), m.most.at(a.Index)
	if a.Occupied < least {
		r.convict("section 7", show(a.Op), "a read of %q at index %d shows %d occupied slots, where at least %d were held", name, a.Index, a.Occupied, least)
	}
	if f.fromStart && a.Occupied > most {
		r.convict("E6", show(a.Op), "a read of %q at index %d shows %d occupied slots, where at most %d can have been held", name, a.Index, a.Occupied, most)
	}
}

func judgeWaiting(f *facts, a *act, name string, m *room, r *report) {
	least, most := m.leastWaiting.at(a.Index), m.mostWaiting.at(a.Index)
	if a.Waiting < least {
		r.convict("A4", show(a.Op), "a read of %q at index %d shows %d waiters, where at least %d stood in the queue", name, a.Index, a.Waiting, least)
	}
	if f.fromStart && a.Waiting > most {
		r.convict("A4", show(a.Op), "a read of %q at index %d shows %d waiters, where at most %d can have been", name, a.Index, a.Waiting, most)
	}
}
