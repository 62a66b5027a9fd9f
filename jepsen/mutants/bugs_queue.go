package main

// queueBugs are queues in which somebody is passed over, or holds what nobody
// granted as a whole.
func queueBugs() []Bug {
	return []Bug{
		{
			Name: "try-overtakes",
			What: "A try takes what is free though somebody waits for it.",
			Run:  Run{Sim: `workload=queue duration=6s`},
			By:   "oracle",
			Edits: []Edit{{
				File: "fsm/limit/acquire.go",
				Old:  "\tlacking := s.firstLacking(d.wants, s.record.index, 0)\n",
				New: `	age := s.record.index
	if planted.On("try-overtakes") && d.wait == 0 {
		age = 0 // older than all
	}
	lacking := s.firstLacking(d.wants, age, 0)
`,
			}},
		},
		{
			Name: "small-overtakes",
			What: "A smaller request that fits overtakes a larger one that came first and does not fit yet.",
			Run:  Run{Sim: `workload=queue duration=6s`},
			By:   "fifo",
			Edits: []Edit{
				{
					File: "fsm/limit/settle.go",
					Old:  "\treturn head != 0 && head < age\n",
					New: `	if planted.On("small-overtakes") && head != 0 && slots < s.waiter(head).of(l.seq) {
		return false
	}
	return head != 0 && head < age
`,
				},
				{
					File: "fsm/limit/settle.go",
					Old: `		return unprotectedRank | head, head
	}
`,
					New: `		return unprotectedRank | head, head
	}
	if planted.On("small-overtakes") {
		small := uint64(0)
		s.heads.ascend(limit, 0, func(age uint64) bool {
			if fits(free, q.reserved, s.waiters.get(age).of(limit)) {
				small = age
			}
			return small == 0
		})
		if small != 0 {
			return unprotectedRank | small, small
		}
	}
`,
				},
			},
		},
		{
			Name: "not-atomic",
			What: "An acquire over several limits takes them one after the other, and keeps the first ones when a later one denies it.",
			Run:  Run{Sim: `workload=multi duration=6s`},
			By:   "quiescence oracle",
			Edits: []Edit{
				{
					File: "fsm/limit/acquire.go",
					Old:  "\tcase d.wait == 0:\n\t\ts.use(d)\n",
					New: `	case d.wait == 0:
		if planted.On("not-atomic") {
			s.takeUpTo(d, lacking)
		}
		s.use(d)
`,
				},
				{
					File: "fsm/limit/acquire.go",
					Old:  "// checkAcquire refuses what no caller may ask.\n",
					New: `// takeUpTo takes slots of the limits that come before the one that lacks.
func (s *State) takeUpTo(d *demand, lacking *limitRow) {
	for _, n := range d.wants {
		l := s.limit(n.limit)
		if l == lacking {
			return
		}
		if l.enforcing() && !l.set.Numbered && !l.decays() && n.slots > 0 && n.slots <= l.free() {
			s.lastToken++
			s.take(l, s.lastToken, HolderAnonymous, n.slots)
		}
	}
}

// checkAcquire refuses what no caller may ask.
`,
				},
			},
		},
		{
			Name: "patience-never",
			What: "Patience is ignored: who waits for several limits at once is overtaken on one or the other for ever.",
			Run:  Run{Sim: `workload=patience nodes=3 duration=12s keep=none`},
			By:   "patience",
			Edits: []Edit{
				{
					File: "fsm/limit/play.go",
					Old:  "if p, ok := s.firsts.min(); ok {",
					New:  `if p, ok := s.firsts.min(); ok && !planted.On("patience-never") {`,
				},
				{
					File: "fsm/limit/settle.go",
					Old:  "\tif w.moves == maxMoves {\n",
					New:  "\tif w.moves == maxMoves && !planted.On(\"patience-never\") {\n",
				},
			},
		},
		{
			Name: "patience-restarts",
			What: "The patience of one that is first begins anew whenever a younger one is protected on its limit: two rows of them keep it waiting for ever.",
			Run:  Run{Sim: `workload=patience nodes=3 callers=9 duration=60s keep=none`},
			By:   "patience",
			Edits: []Edit{{
				File: "fsm/limit/settle.go",
				Old:  "(s.rules < rules2 || s.guarded.first(limit) < head)",
				New:  `(planted.On("patience-restarts") || s.rules < rules2 || s.guarded.first(limit) < head)`,
			}},
		},
		{
			Name: "patience-none",
			What: "Who is first on a limit is protected at once: slots of the other limits that it asks for idle meanwhile.",
			Run:  Run{Sim: `workload=multi duration=6s`},
			By:   "oracle",
			Edits: []Edit{{
				File: "fsm/limit/play.go",
				Old:  "consider(event{due: int64(p.a) + s.settings.Patience, play: (*State).protectFirst})",
				New: `patience := s.settings.Patience
		if planted.On("patience-none") {
			patience = 0
		}
		consider(event{due: int64(p.a) + patience, play: (*State).protectFirst})`,
			}},
		},
		{
			Name: "cancelled-granted",
			What: "A cancel is answered, but the waiter stays in the queue and is granted later.",
			Run:  Run{Sim: `workload=queue duration=6s`},
			By:   "once",
			Edits: []Edit{{
				File: "fsm/limit/lease.go",
				Old: `		s.cancelWait(s.waiter(r.ref))
		return &command.Cancelled{Cancelled: true}
`,
				New: `		if !planted.On("cancelled-granted") {
			s.cancelWait(s.waiter(r.ref))
		}
		return &command.Cancelled{Cancelled: true}
`,
			}},
		},
		{
			Name: "interest-lapses",
			What: "Interest lapses over a leaderless gap, in which nobody could renew it: callers that wait lose their places.",
			Run:  Run{Sim: `workload=queue nodes=3 duration=8s faults="isolate@2s+3s:n1 isolate@2s+3s:n2"`},
			By:   "oracle",
			Edits: []Edit{{
				File: "fsm/limit/play.go",
				Old:  "consider(event{due: max(int64(p.a), s.termStart+graceOfTerm), play: (*State).lapseFirst})",
				New: `due := max(int64(p.a), s.termStart+graceOfTerm)
		if planted.On("interest-lapses") {
			due = int64(p.a)
		}
		consider(event{due: due, play: (*State).lapseFirst})`,
			}},
		},
	}
}
