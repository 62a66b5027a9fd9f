package main

// nodeBugs are nodes that answer what they do not know, or forget what they
// answered.
func nodeBugs() []Bug {
	return []Bug{
		{
			Name: "stale-read",
			What: "A leader answers reads from its own state, and for two seconds after it was deposed.",
			Run:  Run{Sim: `workload=semaphore nodes=3 duration=8s faults="isolate@1s+2s:leader isolate@5s+2s:leader"`},
			By:   "index",
			Edits: []Edit{
				{
					File: "transport/forward/forward.go",
					Old:  "\tleader leader // guarded by mu\n",
					New:  "\tleader leader // guarded by mu\n\tled    time.Time // when it last led; guarded by mu\n",
				},
				{
					File: "transport/forward/forward.go",
					Old:  "\tn.leader = now\n",
					New: `	if n.leader.self {
		n.led = time.Now()
	}
	n.leader = now
`,
				},
				{
					File: "transport/forward/read.go",
					Old:  "func (n *Node) Refresh(ctx context.Context) error {\n",
					New: `func (n *Node) Refresh(ctx context.Context) error {
	if planted.On("stale-read") && n.ledLately() {
		return nil
	}
`,
				},
				{
					File: "transport/forward/read.go",
					Old:  "func (n *Node) view(",
					New: `// ledLately tells whether this node leads, or did two seconds ago.
func (n *Node) ledLately() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leader.self || time.Since(n.led) < 2*time.Second
}

func (n *Node) view(`,
				},
			},
		},
		{
			Name: "no-fsync",
			What: "The log is written without fsync: what was acknowledged is gone after a power cut.",
			Run:  Run{Probe: "power cut"},
			By:   "power",
			Edits: []Edit{{
				File: "cluster/store/open.go",
				Old:  "raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions:",
				New:  "raftboltdb.New(raftboltdb.Options{Path: path, NoSync: planted.On(\"no-fsync\"), BoltOptions:",
			}},
		},
		{
			Name: "apply-before-disk",
			What: "A leader answers before an entry is on its own disk, while its followers' count for the majority.",
			Run:  Run{Sim: lostByLeader},
			By:   "once",
			Edits: []Edit{{
				File: "cluster/durable.go",
				Old:  "if s.ended.Load() || s.logs.Await",
				New:  "if !planted.On(\"apply-before-disk\") && (s.ended.Load() || s.logs.Await",
			}, {
				File: "cluster/durable.go",
				Old:  "Index) != nil {",
				New:  "Index) != nil) {",
			}},
		},
		{
			Name: "commit-before-disk",
			What: "A leader tells its followers that an entry is committed which is not on its own disk yet.",
			Run:  Run{Sim: lostByLeader},
			By:   "witness",
			Edits: []Edit{{
				File: "cluster/links.go",
				Old:  "	req.LeaderCommitIndex = min(req.LeaderCommitIndex, l.stored())\n",
				New:  "	if !planted.On(\"commit-before-disk\") {\n\t\treq.LeaderCommitIndex = min(req.LeaderCommitIndex, l.stored())\n\t}\n",
			}},
		},
		{
			Name: "open-door",
			What: "A caller's token that may do something on some limits is let do it on all.",
			Run:  Run{Probe: "intruders"},
			By:   "access",
			Edits: []Edit{{
				File: "transport/auth/caller.go",
				Old:  "	if c.Everywhere(verb) {\n",
				New:  "	if c.Everywhere(verb) || planted.On(\"open-door\") && c.rights.Somewhere(verb) {\n",
			}},
		},
	}
}

// lostByLeader has a leader whose disk hangs, and one follower that it reaches.
// All are killed, and the two that lack the last entries are back first.
const lostByLeader = `workload=retries nodes=3 duration=9s faults="transfer@500ms+1s:n1 one-way@1400ms+1500ms:n1,n3 ` +
	`disk-hang@1600ms+1s:n1 kill@1900ms+1s:n1 kill@1900ms+1s:n3 kill@1900ms+4s:n2"`
