package check

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// What a fault may leave in a Prefect client's words.
const (
	// aftermath is how long after its mend a fault may still be felt: nodes start,
	// and elect.
	aftermath = 15 * time.Second
	// complaining is how long after a request was made its client may complain of
	// it: it tries for 62 s and somewhat more.
	complaining = 90 * time.Second
)

// definite finds the statuses by which limitd says that a request is wrong, or a
// lease gone. No fault explains that to one who just asked for slots.
var definite = regexp.MustCompile(`\b4(0[0-79]|1\d|2[0-24-8]) [A-Z]`)

// judgePrefect judges what programs under Prefect's client saw: how many tokens
// of a rate they were given, and whether what they met has a fault for a reason.
// What they held are beliefs like any other's.
func judgePrefect(f *facts, r *report) {
	admitted := make(map[string][]admission)
	for _, a := range f.acts {
		if a.Kind != history.Prefect {
			continue
		}
		r.saw(1)
		r.judgeWords(f, a.Op)
		if a.Outcome != history.OK {
			continue
		}
		for _, w := range a.Limits {
			if w.Rate {
				g := &grant{ops: []*act{a}, called: a.Call, told: a.Return}
				admitted[w.Name] = append(admitted[w.Name], admission{g: g, slots: w.Slots})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(admitted)) {
		if l := f.limits[name]; l != nil && l.decays {
			l.bucket().judgeRealTime(f, admitted[name], r)
		}
	}
}

// judgeWords looks for a fault that explains an error, or a complaint.
func (r *report) judgeWords(f *facts, o *history.Op) {
	switch {
	case o.Outcome != history.Unknown:
	case len(o.Limits) > 0 && definite.MatchString(o.Detail):
		r.convict("API", show(o), "a program that asked for slots was told: %s", o.Detail)
	case len(o.Limits) > 0 && !f.troubled(o.Call, o.Return):
		r.convict("API", show(o), "a program met an error without a fault: %s", o.Detail)
	case len(o.Limits) == 0 && !f.troubled(o.Call-complaining, o.Return):
		r.convict("API", show(o), "a client complained without a fault: %s", o.Detail)
	}
}

// program names a moment of a client.
type program struct {
	client int
	at     time.Duration
}

// entered finds the calls by which holders under Prefect's client, who know no
// token, came to believe.
func (f *facts) entered() map[program]*act {
	calls := make(map[program]*act)
	for _, a := range f.acts {
		if a.Kind == history.Prefect && len(a.Limits) > 0 {
			calls[program{a.Client, a.Return}] = a
		}
	}
	return calls
}

// troubled tells whether a fault may be felt in a span of time.
func (f *facts) troubled(from, to time.Duration) bool {
	return slices.ContainsFunc(f.h.Faults, func(x history.Fault) bool {
		return x.Error == "" && x.From <= to && max(x.From, x.To)+aftermath >= from
	})
}
