package main

// rateBugs are rates that are not kept.
func rateBugs() []Bug {
	return []Bug{
		{
			Name: "denial-moves-decay",
			What: "A denial moves the decay clock: who asks often enough stops the decay.",
			Run:  Run{Sim: `workload=rate duration=6s`},
			By:   "retry",
			Edits: []Edit{{
				File: "fsm/limit/acquire.go",
				Old:  "\t\t\tl.denied++\n",
				New: `			l.denied++
			if planted.On("denial-moves-decay") && l.decays() {
				l.since = s.now
				s.watchOldest(l)
				s.touch(l.seq)
			}
`,
			}},
		},
		{
			Name: "floor-fractions",
			What: "What has decayed is rounded down to whole slots at each look, and the fraction is lost.",
			Run:  Run{Sim: `workload=rate duration=6s`},
			By:   "retry",
			Edits: []Edit{{
				File: "fsm/limit/decay.go",
				Old:  "\tl.since, l.frac = t, d.frac\n",
				New: `	l.since, l.frac = t, d.frac
	if planted.On("floor-fractions") {
		l.frac = 0
	}
`,
			}},
		},
		{
			Name: "backdate-unbounded",
			What: "Grants are dated back without bound: after a gap all that fell due in it is granted at once.",
			Run:  Run{Sim: `workload=rate-oversupply nodes=3 callers=75 duration=5s faults="isolate@2s+2s:n1 isolate@2s+2s:n2"`},
			By:   "oracle",
			Edits: []Edit{{
				File: "fsm/limit/play.go",
				Old:  "\tfloor := target - s.settings.MaxBackdate\n",
				New: `	floor := target - s.settings.MaxBackdate
	if planted.On("backdate-unbounded") {
		floor = min(floor, s.now)
	}
`,
			}},
		},
	}
}
