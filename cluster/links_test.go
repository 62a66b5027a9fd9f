package cluster

import (
	"fmt"
	"net"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/clock"
)

// idle is a transport whose idle streams were closed by this side.
type idle struct {
	raft.Transport
	closed int // streams that are still handed out
	calls  int
}

func (s *idle) AppendEntries(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error {
	s.calls++
	if s.closed > 0 {
		s.closed--
		return fmt.Errorf("write: %w", net.ErrClosed)
	}
	return nil
}

func (s *idle) CloseStreams() { s.closed = 0 }

// TestClosedIdleStreams: raft is not told of streams that this side closed while
// they were idle, for it would take the follower for lost, and say so in its log.
func TestClosedIdleStreams(t *testing.T) {
	streams := &idle{closed: pooledStreams}
	here := func(_ raft.ServerID, to raft.ServerAddress) raft.ServerAddress { return to }
	l := newLinks(Config{Clock: clock.New()}, streams, func() uint64 { return 0 }, here)
	if err := l.AppendEntries("b", "h2:1", &raft.AppendEntriesRequest{}, &raft.AppendEntriesResponse{}); err != nil || streams.calls != 2 {
		t.Fatalf("%d calls: %v", streams.calls, err)
	}
}
