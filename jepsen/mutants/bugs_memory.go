package main

// memoryBugs are requests with more than one effect.
func memoryBugs() []Bug {
	return []Bug{
		{
			Name: "forgets-retries",
			What: "A retry is not remembered: an acquire that is sent again is granted again.",
			Run:  Run{Sim: `workload=retries duration=5s keep=none`},
			By:   "once",
			Edits: []Edit{{
				File: "fsm/limit/acquire.go",
				Old:  "\tmark := fingerprint(op)\n\tif r := s.request(h.ID); r != nil {\n\t\treturn s.again(r, op, mark)\n",
				New: `	mark := fingerprint(op)
	if planted.On("forgets-retries") {
		for r := s.request(h.ID); r != nil && r.state != requestWaiting; r = s.request(h.ID) {
			h.ID += "'"
		}
	}
	if r := s.request(h.ID); r != nil {
		return s.again(r, op, mark)
`,
			}},
		},
		{
			Name: "ended-id-granted",
			What: "The id of a lease that has ended is answered with its grant.",
			Run:  Run{Sim: `workload=retries duration=5s keep=none`},
			By:   "leases",
			Edits: []Edit{{
				File: "fsm/limit/remember.go",
				Old:  "\t\treturn &command.Problem{Code: command.CodeLeaseEnded, Replayed: true}\n",
				New: `		if planted.On("ended-id-granted") {
			g := *r.ending().result.(*command.Granted)
			g.ExpiresIn = g.TTL
			return command.Replay(&g)
		}
		return &command.Problem{Code: command.CodeLeaseEnded, Replayed: true}
`,
			}},
		},
		{
			Name: "two-ids",
			What: "A follower that forwards a second time does so under a second id.",
			Run:  Run{Sim: `workload=retries nodes=3 duration=6s faults="kill@2s+1s:leader break@4s+1s:n1,n2,n3"`},
			By:   "once leases",
			Edits: []Edit{{
				File: "transport/forward/run.go",
				Old:  "\t\tbody:   func() [][]byte { return runBody(left(), record) },\n",
				New: `		body: func() [][]byte {
			if tries++; planted.On("two-ids") && tries > 1 && cmd.ID != "" {
				cmd.ID += "'"
				record = command.Encode(cmd)
			}
			return runBody(left(), record)
		},
`,
			}, {
				File: "transport/forward/run.go",
				Old:  "\tend := time.Now().Add(hold)\n",
				New:  "\tend, tries := time.Now().Add(hold), 0\n",
			}},
		},
	}
}
