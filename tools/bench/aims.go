package main

import (
	"fmt"
	"io"

	"github.com/limitd/limitd/tools/bench/load"
)

// aim is a figure that limitd is meant to reach, beside what it did.
type aim struct {
	what     string
	bound    float64
	atMost   bool // the figure is good below the bound, not above it
	measured load.Series
}

func (a aim) met() string {
	if len(a.measured) == 0 {
		return "not measured"
	}
	m := a.measured.Median()
	if a.atMost && m <= a.bound || !a.atMost && m >= a.bound {
		return "met"
	}
	return "missed"
}

// faster is an aim for what one entrant gets done of what another does.
func faster(what string, bound float64, of, than outcome) aim {
	return aim{what: what, bound: bound, measured: of.perSecond.Over(than.perSecond)}
}

// tell writes the aims as a table in markdown.
func tell(w io.Writer, aims []aim) {
	if len(aims) == 0 {
		return
	}
	fmt.Fprintf(w, "\n**Aims**\n\n| | aim | measured | |\n|---|---|---|---|\n")
	for _, a := range aims {
		than := ">="
		if a.atMost {
			than = "<="
		}
		fmt.Fprintf(w, "| %s | %s %.4g | %s | %s |\n", a.what, than, a.bound, spread(a.measured, "%.3g"), a.met())
	}
}
