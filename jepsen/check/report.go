package check

import (
	"fmt"
	"slices"

	"github.com/limitd/limitd/jepsen/history"
)

// most is how many violations one checker tells: a broken run has thousands of
// the same.
const most = 100

// report collects what one checker saw.
type report struct {
	checker    string
	looked     int
	violations []Violation
}

// saw notes that n things were looked at.
func (r *report) saw(n int) { r.looked += n }

// full tells that no more violations are taken: looking for who shows one can
// be saved.
func (r *report) full() bool { return len(r.violations) == most }

// convict notes a broken rule, with the calls that show it.
func (r *report) convict(rule string, shown []*history.Op, format string, args ...any) {
	if r.full() {
		return
	}
	v := Violation{Checker: r.checker, Rule: rule, What: fmt.Sprintf(format, args...)}
	for _, o := range shown {
		if o != nil && !slices.Contains(v.Ops, o.Number) {
			v.Ops = append(v.Ops, o.Number)
		}
	}
	r.violations = append(r.violations, v)
}

// show lists ops to be shown.
func show(ops ...*history.Op) []*history.Op { return ops }
