package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/fsm/command"
)

// TestAnOldLeaderAppendsNothingInANewTerm: the first that a leader hears of the next
// one is mostly a heartbeat. What is proposed to it then must not come into its log
// under the new leader's term: the new one has other entries there, and nobody would
// notice.
func TestAnOldLeaderAppendsNothingInANewTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.Start(t, clustertest.Options{Nodes: 3})
		old := c.Leader()
		term := old.R().Status().Term
		link := c.Stranger("next:7481")
		beat := raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("next"), Addr: []byte("next:7481")}, Term: term + 1}
		go func() {
			var resp raft.AppendEntriesResponse
			_ = link.AppendEntries(raft.ServerID(old.R().ID()), old.Addr, &beat, &resp)
		}()
		for range 20 {
			go func() { // it may well fail
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, _ = old.R().Run(ctx, command.Encode(command.Command{Op: &command.Tick{}}), 0)
			}()
			time.Sleep(50 * time.Microsecond)
		}
		time.Sleep(20 * time.Millisecond)
		if now := old.R().Status(); now.Term <= term {
			t.Fatalf("the heartbeat of term %d came to nothing: %+v", term+1, now)
		}
		last, err := old.Stores.Log.LastIndex()
		if err != nil {
			t.Fatal(err)
		}
		for i := last; i > 0; i-- {
			var e raft.Log
			if err := old.Stores.Log.GetLog(i, &e); err != nil {
				t.Fatal(err)
			}
			if e.Term == term {
				break
			}
			if e.Term == term+1 {
				t.Errorf("entry %d is of term %d, whose leader sent none", i, e.Term)
			}
		}
	})
}
