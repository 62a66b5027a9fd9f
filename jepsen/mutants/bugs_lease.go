package main

// leaseBugs are slots that are given back twice or never, and holders that
// believe what is not so.
func leaseBugs() []Bug {
	return []Bug{
		{
			Name: "double-release",
			What: "The release of a lease that has ended subtracts its slots again.",
			Run:  Run{Sim: `workload=retries duration=5s keep=none`},
			By:   "occupancy",
			Edits: []Edit{
				{
					File: "fsm/limit/lease.go",
					Old:  "\ts.endRequest(x.id, how, nil)\n",
					New: `	if planted.On("double-release") || planted.On("ended-id-granted") {
		t, granted := x.terms.unpack(), *x
		granted.terms = nil // as it was granted: its slots are given back by now
		s.endRequest(x.id, how, s.showGrant(&granted, &t))
		return
	}
	s.endRequest(x.id, how, nil)
`,
				},
				{
					File: "fsm/limit/lease.go",
					Old:  "\tif id, ok := s.endedBy.Get(op.Token); ok {\n",
					New: `	if id, ok := s.endedBy.Get(op.Token); ok {
		if planted.On("double-release") {
			s.subtractAgain(s.requests.get(id))
		}
`,
				},
				{
					File: "fsm/limit/lease.go",
					Old:  "func (s *State) releaseID(h command.Header, id string) command.Result {\n",
					New: `// subtractAgain takes the slots of a lease that has ended off its limits.
func (s *State) subtractAgain(r *request) {
	for _, g := range r.ending().result.(*command.Granted).Limits {
		if l := s.named(g.Name); l != nil && g.Counted && !l.decays() {
			l.held = max(0, l.held-g.Slots)
			s.mark(l.seq)
		}
	}
}

func (s *State) releaseID(h command.Header, id string) command.Result {
`,
				},
			},
		},
		{
			Name: "toggle-leaks",
			What: "A release looks whether the limit is active now, not whether the lease took slots of it: toggling leaks them.",
			Run:  Run{Sim: `workload=admin nodes=3 duration=6s keep=none`},
			By:   "toggles reads oracle",
			Edits: []Edit{
				{
					File: "fsm/limit/lease.go",
					Old:  "\t\tif !g.counted || g.mode == command.RateLimit {\n",
					New: `		if planted.On("toggle-leaks") && g.counted && g.mode != command.RateLimit && !l.set.Active {
			s.orphan(l, token)
			continue
		}
		if !g.counted || g.mode == command.RateLimit {
`,
				},
				{
					File: "fsm/limit/lease.go",
					Old:  "// keepInGrace keeps",
					New: `// orphan leaves a lease's slots to nobody.
func (s *State) orphan(l *limitRow, token uint64) {
	s.settle(l)
	if h := s.holdings.own(pair{l.seq, token}, s.epoch); h != nil {
		h.kind = HolderAnonymous
		l.anonymous += h.slots
	}
}

// keepInGrace keeps`,
				},
			},
		},
		{
			Name: "renew-past-expiry",
			What: "A renewal of several leases answers held for those among them that have ended.",
			Run:  Run{Sim: `workload=renewals duration=5s keep=none`},
			By:   "leases",
			Edits: []Edit{{
				File: "fsm/limit/lease.go",
				Old:  "\t\tanswer.Leases = append(answer.Leases, s.renewOne(token, op.TTL))\n",
				New: `		one := s.renewOne(token, op.TTL)
		if planted.On("renew-past-expiry") && len(op.Tokens) > 1 && one.State == command.LeaseGone {
			one.State, one.ExpiresIn = command.LeaseHeld, max(op.TTL, MinTTL)
		}
		answer.Leases = append(answer.Leases, one)
`,
			}},
		},
		{
			Name: "renew-shortens",
			What: "A renewal with a shorter TTL moves the end back.",
			Run:  Run{Sim: `workload=renewals duration=5s keep=none`},
			By:   "leases",
			Edits: []Edit{{
				File: "fsm/limit/lease.go",
				Old:  "if end := s.now + ttl; end > x.end {",
				New:  `if end := s.now + ttl; end > x.end || planted.On("renew-shortens") {`,
			}},
		},
		{
			Name: "lease-from-answer",
			What: "The client counts its lease from the answer, not from the sending: it believes for longer than the cluster does.",
			Run:  Run{Sim: `workload=leases nodes=3 callers=24 duration=30s faults="slow-link@1s+28s:n1:by=250ms"`},
			By:   "beliefs",
			Edits: []Edit{
				{
					File: "client/acquire.go",
					Old:  "\tif a.datable(grant) && a.c.keeper.keep(lease, a.first, span) {\n",
					New: `	if planted.On("lease-from-answer") {
		a.first, span = a.c.cfg.Clocks(), safeSpan(lease.ttl)
	}
	if a.datable(grant) && a.c.keeper.keep(lease, a.first, span) {
`,
				},
				{
					File: "client/renew.go",
					Old:  "\t\tc.keeper.keep(l, sent, safeSpan(l.ttl))\n",
					New: `		if planted.On("lease-from-answer") {
			sent = c.cfg.Clocks()
		}
		c.keeper.keep(l, sent, safeSpan(l.ttl))
`,
				},
			},
		},
		{
			Name: "broken-call-releases",
			What: "A node whose call breaks cancels the id, though another node delivered its grant.",
			Run:  Run{Sim: `workload=queue nodes=3 duration=6s faults="break@1s+100ms:n1,n2,n3 break@2s+100ms:n1,n2,n3 break@3s+100ms:n1,n2,n3 break@4s+100ms:n1,n2,n3"`},
			By:   "waits",
			Edits: []Edit{{
				File: "transport/httpapi/acquire.go",
				Old:  "\tif q.made && ended && ",
				New:  "\tif (q.made || planted.On(\"broken-call-releases\")) && ended && ",
			}},
		},
		{
			Name: "release-overtakes",
			What: "A release that overtakes its acquire leaves no trace: the acquire, when it comes, takes slots that nobody will give back.",
			Run:  Run{Sim: `workload=retries duration=5s keep=none`},
			By:   "once",
			Edits: []Edit{{
				File: "fsm/limit/remember.go",
				Old:  "func (s *State) bury(id string) {\n",
				New: `func (s *State) bury(id string) {
	if planted.On("release-overtakes") {
		return
	}
`,
			}},
		},
		{
			Name: "disown-forgotten",
			What: "Slots that a client of Prefect's older routes waited for stay on the lease of the moment in which it was told: ten seconds later somebody else has them.",
			Run:  Run{Sim: `workload=prefect-routes nodes=3 duration=30s keep=none`},
			By:   "beliefs",
			Edits: []Edit{{
				File: "transport/prefect/increment.go",
				Old:  "\tcase !q.leased && g.Lease:\n",
				New:  "\tcase !q.leased && g.Lease && !planted.On(\"disown-forgotten\"):\n",
			}},
		},
	}
}
