package main

// timeBugs are wrong clocks: cluster time that runs ahead, stands still, or is
// decided by one node.
func timeBugs() []Bug {
	return []Bug{
		{
			Name: "wall-clock",
			What: "The leader stamps its own wall clock as cluster time: who sets a clock ends leases.",
			Run:  Run{Sim: `workload=semaphore nodes=3 duration=5s faults="clock-wall@2s+2s:leader:by=1h"`},
			By:   "clock",
			Edits: []Edit{{
				File: "cluster/tenure.go",
				Old:  "func (t *tenure) now() int64 { return t.clock.At(t.r.cfg.Clock.Monotonic()) }",
				New: `func (t *tenure) now() int64 {
	if planted.On("wall-clock") {
		return t.r.cfg.Clock.Wall()
	}
	return t.clock.At(t.r.cfg.Clock.Monotonic())
}`,
			}},
		},
		{
			Name: "expiry-outside",
			What: "The leader sweeps its leases once a second and ends in the log those that it found over, which a renewal may have reached before.",
			Run:  Run{Sim: `workload=renewals duration=5s keep=none`},
			By:   "denials leases",
			Edits: []Edit{
				{
					File: "fsm/limit/play.go",
					Old:  "if p, ok := s.ends.min(); ok {",
					New:  `if p, ok := s.ends.min(); ok && !planted.On("expiry-outside") {`,
				},
				{
					File: "fsm/limit/play.go",
					Old:  "func (s *State) expireFirst() {",
					New: `// Overdue lists the leases whose end has passed at the instant now.
func (s *State) Overdue(now int64) (tokens []uint64) {
	s.ends.tree.Scan(func(p pair) bool {
		if int64(p.a) <= now {
			tokens = append(tokens, p.b)
		}
		return int64(p.a) <= now
	})
	return tokens
}

func (s *State) expireFirst() {`,
				},
				{
					File: "cluster/ticks.go",
					Old:  "\t\t\tt.tick()\n",
					New: `			t.tick()
			if planted.On("expiry-outside") {
				t.sweep()
			}
`,
				},
				{
					File: "cluster/ticks.go",
					Old:  "// tick proposes one and returns at once;",
					New: `// sweep ends the leases that the last sweep found over.
func (t *tenure) sweep() {
	for _, token := range t.over {
		t.tasks.Go(func() {
			_, _ = t.r.propose(t.ctx, command.Encode(command.Command{Op: &command.ForceRelease{Token: token}}))
		})
	}
	t.r.View(func(s *limit.State) { t.over = s.Overdue(t.now()) })
}

// tick proposes one and returns at once;`,
				},
				{
					File: "cluster/ticks.go",
					Old:  "\t\"github.com/limitd/limitd/fsm/command\"\n",
					New:  "\t\"github.com/limitd/limitd/fsm/command\"\n\t\"github.com/limitd/limitd/fsm/limit\"\n",
				},
				{
					File: "cluster/tenure.go",
					Old:  "\tticking atomic.Bool  // a tick is under way\n",
					New:  "\tticking atomic.Bool  // a tick is under way\n\tover    []uint64     // leases that the last sweep found over\n",
				},
			},
		},
		{
			Name: "time-from-start",
			What: "A new leader counts time from its own start, so that after an election time stands still for as long as the cluster is old.",
			Run:  Run{Sim: `workload=rate-oversupply nodes=3 duration=9s faults="kill@3s+1s:leader"`},
			By:   "lag",
			Edits: []Edit{{
				File: "cluster/tenure.go",
				Old:  "\tt.clock = r.bound.Continue(r.last.Load().time, r.cfg.Clock.Monotonic())\n",
				New: `	t.clock = r.bound.Continue(r.last.Load().time, r.cfg.Clock.Monotonic())
	if planted.On("time-from-start") {
		t.clock = clock.From(0, r.cfg.Clock.Monotonic())
	}
`,
			}},
		},
		{
			Name: "bound-last-record",
			What: "A new leader continues from the last record alone: decay stands still while there is no leader.",
			Run:  Run{Sim: `workload=semaphore nodes=3 duration=8s faults="kill@3s+2s:leader"`},
			By:   "lag",
			Edits: []Edit{{
				File: "cluster/clock/bound.go",
				Old:  "if t, ok := b.At(now); ok && t > stateTime {",
				New:  `if t, ok := b.At(now); ok && t > stateTime && !planted.On("bound-last-record") {`,
			}},
		},
		{
			Name: "bound-never-forgotten",
			What: "The clock's bound never forgets an offset, so that what clock rates differ adds up until the next leader jumps ahead by it.",
			Run:  Run{Sim: `workload=semaphore nodes=3 callers=4 duration=16s faults="clock-rate@0s+16s:n1:rate=1.0005 clock-rate@0s+16s:n2:rate=0.9995 transfer@1s+1s:n2 transfer@14s+1s:n1"`},
			By:   "time",
			Edits: []Edit{{
				File: "cluster/clock/bound.go",
				Old:  "func (b *Bound) expire(now int64) {\n",
				New: `func (b *Bound) expire(now int64) {
	if planted.On("bound-never-forgotten") {
		return
	}
`,
			}},
		},
		{
			Name: "bound-older-term",
			What: "Offsets of an older term stay in the clock's bound, so that a later leader jumps ahead of the last one's clock.",
			Run:  Run{Sim: `workload=semaphore nodes=3 duration=8s faults="transfer@1s+1s:n1 slow-link@2s+3s:n2:by=120ms transfer@3s+2s:n2 transfer@6s+1s:n3"`},
			By:   "time",
			Edits: []Edit{{
				File: "cluster/clock/bound.go",
				Old:  "\t\tb.known, b.term, b.peaks = true, term, b.peaks[:0]\n",
				New: `		b.known, b.term = true, term
		if !planted.On("bound-older-term") {
			b.peaks = b.peaks[:0]
		}
`,
			}},
		},
		{
			Name: "restore-keeps-offsets",
			What: "A restored snapshot keeps the clock offsets of before, so that time leaps back to where it was.",
			Run:  Run{Probe: "restore"},
			By:   "restores",
			Edits: []Edit{{
				File: "cluster/observer.go",
				Old:  "\tr.bound.Reset(s.Time(), r.cfg.Clock.Monotonic())\n",
				New: `	if !planted.On("restore-keeps-offsets") {
		r.bound.Reset(s.Time(), r.cfg.Clock.Monotonic())
	}
`,
			}},
		},
	}
}
