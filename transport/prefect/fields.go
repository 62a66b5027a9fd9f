package prefect

import (
	"regexp"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/decay"
	"github.com/limitd/limitd/transport/prefect/lax"
)

// fields are the settings of a limit that a body gives; nil: it does not.
type fields struct {
	active   *bool
	name     *string
	limit    *int64
	occupied *int64
	decay    *command.Rate
	nulls    bool // something is given as null
	// form tells that a form sends all of its fields, changed or not: people and
	// programs do not set denied_slots. The number of occupied slots in it may
	// be as old as the form, so that it never adds any.
	form bool
}

// changes tells whether settings are to be changed.
func (f fields) changes() bool {
	return f.active != nil || f.name != nil || f.limit != nil || f.decay != nil
}

// namePattern is the pattern that limits' names have.
var namePattern = regexp.MustCompile(`^[^/%&><]+$`)

// readFields reads the body of a new limit, or with lax.Nullable of a change.
func readFields(form *lax.Object, need lax.Need) (f fields) {
	must := lax.Required
	if need == lax.Nullable {
		must = need
	}
	f.active = form.Bool("active", need)
	f.name = form.Text("name", must, namePattern)
	f.limit = form.Int("limit", must, lax.AtLeast(0))
	f.occupied = form.Int("active_slots", need, lax.AtLeast(0))
	denied := form.Int("denied_slots", need, lax.AtLeast(0))
	number := form.Number("slot_decay_per_second", need, lax.AtLeast(0))
	f.form = denied != nil
	for _, name := range [...]string{"active", "name", "limit", "active_slots", "denied_slots", "slot_decay_per_second"} {
		f.nulls = f.nulls || form.IsNull(name)
	}
	if f.name != nil && namePattern.MatchString(*f.name) {
		if err := limit.CheckName(*f.name); err != nil {
			form.Fail("name", strings.TrimPrefix(err.Error(), limit.ErrName.Error()+": "))
		}
	}
	if number != nil && number.Value >= 0 {
		rate, err := decay.Read(strings.TrimPrefix(number.Text, "+"))
		if err != nil {
			form.Fail("slot_decay_per_second", err.Error())
		}
		f.decay = &rate
	}
	return f
}
