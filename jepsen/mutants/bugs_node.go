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
	}
}
