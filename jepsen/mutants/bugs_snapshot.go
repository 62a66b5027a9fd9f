package main

// snapshotBugs are snapshots and backups that lack something, and records
// that not every node plays alike.
func snapshotBugs() []Bug {
	forget := func(name, body string) Edit {
		return Edit{
			File: "fsm/limit/snapshot.go",
			Old:  "\tout.WriteByte(n.frozen.format())\n",
			New:  "\tout.WriteByte(n.frozen.format())\n\tif planted.On(\"" + name + "\") {\n" + body + "\t}\n",
		}
	}
	return []Bug{
		{
			Name: "snapshot-no-queue",
			What: "A snapshot lacks the queue: after a restart those who wait have lost their places.",
			Run:  Run{Sim: `workload=queue duration=6s`},
			By:   "snapshot",
			Edits: []Edit{
				forget("snapshot-no-queue", "\t\tn.drop(func(r *request) bool { return r.state == requestWaiting })\n"),
				{
					File: "fsm/limit/snapshot.go",
					Old:  "// Digest returns the SHA-256",
					New: `// drop takes requests out of the snapshot, with their waiters.
func (n *Snapshot) drop(which func(*request) bool) {
	gone := make(map[string]*request)
	n.frozen.requests.ascend("", func(id string, r *request) bool {
		if which(r) {
			gone[id] = r
		}
		return true
	})
	for id, r := range gone {
		n.frozen.requests.delete(id)
		if r.state == requestWaiting {
			n.frozen.waiters.delete(r.ref)
		}
	}
}

// Digest returns the SHA-256`,
				},
			},
		},
		{
			Name: "snapshot-no-requests",
			What: "A snapshot lacks what is remembered of requests: a retry after a restart has a second effect.",
			Run:  Run{Sim: `workload=retries duration=6s`},
			By:   "snapshot",
			Edits: []Edit{
				forget("snapshot-no-requests", "\t\tn.drop(func(r *request) bool { return r.state != requestWaiting && r.state != requestHeld })\n"),
			},
		},
		{
			Name: "snapshot-no-token",
			What: "A snapshot lacks the token counter: tokens begin anew.",
			Run:  Run{Sim: `workload=retries duration=6s`},
			By:   "snapshot",
			Edits: []Edit{
				forget("snapshot-no-token", "\t\tn.frozen.lastToken = 0\n"),
				{
					File: "fsm/limit/grant.go",
					Old:  "\ts.lastToken++\n\tx := &lease{",
					New: `	s.lastToken++
	for planted.On("snapshot-no-token") && s.inUse(s.lastToken, d) {
		s.lastToken++
	}
	x := &lease{`,
				},
				{
					File: "fsm/limit/grant.go",
					Old:  "// grantLimit takes slots",
					New: `// inUse tells whether something is held under a token.
func (s *State) inUse(token uint64, d *demand) bool {
	for _, n := range d.wants {
		if s.holdings.get(pair{n.limit, token}) != nil {
			return true
		}
	}
	return s.leases.get(token) != nil
}

// grantLimit takes slots`,
				},
			},
		},
		{
			Name: "token-restarts",
			What: "Tokens go on from a restored backup's own count, and are given a second time.",
			Run:  Run{Probe: "restore"},
			By:   "tokens",
			Edits: []Edit{{
				File: "fsm/limit/quarantine.go",
				Old:  "\ts.lastToken = max(s.lastToken, how.Token) + 1<<40\n",
				New: `	if !planted.On("token-restarts") {
		s.lastToken = max(s.lastToken, how.Token) + 1<<40
	}
`,
			}},
		},
		{
			Name: "token-repeats",
			What: "Tokens go on 2^40 beyond a restored backup's own alone, so that the second restore of one gives those of the first again.",
			Run:  Run{Sim: `workload=semaphore duration=8s faults="restore@1s+2s:leader restore@2s+3s:leader"`},
			By:   "grants",
			Edits: []Edit{{
				File: "cluster/backup.go",
				Old:  "\tr.View(func(s *limit.State) { how.Token = s.Token() })",
				New:  "\tr.View(func(s *limit.State) {\n\t\tif !planted.On(\"token-repeats\") {\n\t\t\thow.Token = s.Token()\n\t\t}\n\t})",
			}},
		},
		{
			Name: "map-order",
			What: "Which limit's waiters are looked at first is left to the order of a map: nodes come to differ.",
			Run:  Run{Sim: `workload=multi duration=6s keep=none`},
			By:   "witness",
			Edits: []Edit{
				{
					File: "fsm/limit/settle.go",
					Old:  "\t\tnext, ok := s.ready.min()\n",
					New: `		next, ok := s.ready.min()
		if planted.On("map-order") {
			for limit, rank := range s.marked {
				if rank != 0 {
					next = pair{rank, limit}
					break
				}
			}
		}
`,
				},
			},
		},
		{
			Name: "own-setting",
			What: "Apply reads a setting of the node (the TTL of those who ask for none), which its file sets otherwise than the others'.",
			Run:  Run{Sim: `workload=rate-oversupply duration=5s keep=none`},
			By:   "quiescence",
			Edits: []Edit{
				{
					File: "fsm/fsm.go",
					Old:  "\tFatal func(error)\n}\n",
					New:  "\tFatal func(error)\n\tDefaultTTL int64 // of the node's own file, ns\n}\n",
				},
				{
					File: "fsm/fsm.go",
					Old:  "\ta := f.state.Apply(l.Index, l.Term, c)\n",
					New: `	if a, ok := c.Op.(*command.Acquire); ok && planted.On("own-setting") && a.TTL == 0 {
		a.TTL = f.config.DefaultTTL
	}
	a := f.state.Apply(l.Index, l.Term, c)
`,
				},
				{
					File: "cluster/replica.go",
					Old:  "\tr.machine = fsm.New(fsm.Config{Observer: observer{r}, Fatal: r.fatal})\n",
					New: `	name := r.cfg.Node.Name
	ttl := 20*int64(time.Second) + int64(name[len(name)-1]-'0')*int64(time.Second)
	r.machine = fsm.New(fsm.Config{Observer: observer{r}, Fatal: r.fatal, DefaultTTL: ttl})
`,
				},
				{
					File: "cluster/replica.go",
					Old:  "\t\"sync/atomic\"\n",
					New:  "\t\"sync/atomic\"\n\t\"time\"\n",
				},
			},
		},
		{
			Name: "unknown-skipped",
			What: "A record of a kind that the node does not know is skipped.",
			Run:  Run{Probe: "unknown record"},
			By:   "unknown",
			Edits: []Edit{{
				File: "fsm/fsm.go",
				Old:  "\tif err != nil {\n\t\tf.config.Fatal(fmt.Errorf(\"log entry",
				New: `	if planted.On("unknown-skipped") && errors.Is(err, command.ErrUnknown) {
		return Event{Index: l.Index, Term: l.Term, Kind: command.KindTick, Result: &command.Done{}, Time: f.state.Time()}
	}
	if err != nil {
		f.config.Fatal(fmt.Errorf("log entry`,
			}},
		},
	}
}
