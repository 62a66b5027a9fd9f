package cluster

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

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

func (s *idle) RequestVote(raft.ServerID, raft.ServerAddress, *raft.RequestVoteRequest, *raft.RequestVoteResponse) error {
	s.calls++
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

// bubble is the clock of a bubble.
type bubble struct{}

func (bubble) Monotonic() int64 { return time.Now().UnixNano() }
func (bubble) Wall() int64      { return time.Now().UnixNano() }

// TestABereftNodeIsNotElected: it asks nobody for a vote, and where nobody else is
// elected either, it ends to be started anew.
func TestABereftNodeIsNotElected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := &idle{}
		here := func(_ raft.ServerID, to raft.ServerAddress) raft.ServerAddress { return to }
		l := newLinks(Config{Clock: bubble{}}, streams, func() uint64 { return 0 }, here)
		bereft, ended := true, make(chan error, 1)
		l.bereft, l.fatal = func() bool { return bereft }, func(err error) { ended <- err }
		stands := func() error {
			return l.RequestVote("b", "h2:1", &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
		}
		for range 9 {
			if err := stands(); !errors.Is(err, errBereft) || streams.calls != 0 {
				t.Fatalf("%d calls: %v", streams.calls, err)
			}
			time.Sleep(time.Second)
		}
		bereft = false
		if err := stands(); err != nil || streams.calls != 1 {
			t.Fatalf("once it has its leader's entries: %d calls: %v", streams.calls, err)
		}
		bereft = true
		begun := time.Now()
		for len(ended) == 0 && time.Since(begun) < time.Minute {
			_ = l.stand()
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took < bereftTime || took > bereftTime+3*time.Second {
			t.Errorf("it ended after %v", took)
		}
	})
}
