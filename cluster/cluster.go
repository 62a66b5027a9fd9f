// Package cluster is one replica of limitd. It owns raft and its stores, keeps
// cluster time, brings records through the log, holds calls open for acquires
// that wait, answers which index a linearizable read needs, and does what a
// leader has to do: ticks, interest, membership, rules.
//
// It promises:
//
//   - A record that Run answers was committed, and the answer is the state
//     machine's own. Every other end of Run says whether the record may have run.
//   - Stamps of cluster time never run faster than real time, through any number
//     of leaders, and whatever the wall clocks say.
//   - A node that cannot trust its disk stops; it never goes on with less.
//   - Only an operator removes a node, and two clusters never become one, or one two.
//
// Where things are:
//
//	tenure.go       what happens when this node wins or loses the leadership
//	turns.go        whose record comes first when there is too much to do
//	propose.go      how a record gets into the log, and what can go wrong
//	run.go, riders.go, calls.go, interest.go    acquires that wait
//	schedule.go, ticks.go            when cluster time is moved on without a caller
//	reads.go, progress.go            linearizable reads
//	observer.go     what the state machine tells, and who is woken by it
//	formation.go, members.go         how nodes form a cluster
//	govern.go, remove.go, handover.go    who is a member, who leads
//	links.go, streams.go, intake.go  what travels between the nodes' rafts
//	durable.go      what is applied is on the disk
//	backup.go       snapshots out of, and into, the cluster
//	clock/          cluster time by a node's own clock
//	store/          the data directory, and what guards it
//	gossip/         who is there
//	clustertest/    whole clusters in a test
//
// DESIGN.md argues the decisions, and says for each known trap of raft where
// the answer to it is. One node:
//
//	stores, err := store.Open(dir, store.Options{Rand: rand.Reader, Logger: log})
//	r, err := cluster.Start(cluster.Config{
//		Node: cluster.Identity{Name: "n1", Peer: "10.0.0.1:7481"}, Form: cluster.Formation{Expect: 1},
//		Stores: stores, Streams: layer, Clock: clock.New(), Rand: rand.Reader, Logger: log, Fatal: exit75,
//	})
//	defer r.Close()
//	answer, err := r.Run(ctx, command.Encode(cmd), hold)
package cluster
