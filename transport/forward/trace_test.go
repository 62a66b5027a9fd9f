package forward

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/limitd/limitd/transport/trace"
)

// TestTraceReachesTheLeader sends a traced call over the hop, once the leader
// has told that it reads such, and one that belongs to no trace.
func TestTraceReachesTheLeader(t *testing.T) {
	const header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	parent, _ := trace.Parse(header)
	inTrio(t, func(t *testing.T, c *trio) {
		a, err := c.run("n2", "first", 0) // opens the connection
		wantGrant(t, a, err)
		<-time.After(time.Second) // of fake time: a ping is answered
		a, err = c.nodes["n2"].Run(trace.With(context.Background(), parent), acquire("traced"), 0)
		wantGrant(t, a, err)
		a, err = c.run("n2", "plain", 0)
		wantGrant(t, a, err)
		if got := c.replicas["n1"].traces; !slices.Equal(got, []string{"", header, ""}) {
			t.Errorf("the leader heard of %q", got)
		}
	})
}

// TestTraceIsKeptFromOlderNodes: who has not told that it reads them gets no
// frames that it does not know.
func TestTraceIsKeptFromOlderNodes(t *testing.T) {
	parent, _ := trace.Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r := request{kind: frameRun, body: runBody(0, []byte("record")), trace: parent}
	if kind, _ := r.framed(0); kind != frameRun {
		t.Errorf("an older node is sent a frame of kind %d", kind)
	}
	if kind, body := r.framed(featureTraces); kind != frameTraced || len(body) != 4 {
		t.Errorf("a node of today is sent a frame of kind %d", kind)
	}
}

func TestDamagedTraceIsRefused(t *testing.T) {
	for _, body := range [][]byte{nil, {5}, {5, 'a'}} {
		if _, _, err := traced(context.Background(), frame{kind: frameTraced, body: body}); err == nil {
			t.Errorf("%v is taken", body)
		}
	}
}
