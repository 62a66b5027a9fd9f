package peer

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// answer exchanges hellos with c and hands the stream over to its kind.
func (p *Port) answer(c net.Conn) {
	st, to := p.exchange(c)
	p.helloOver(c)
	if st == nil {
		_ = c.Close()
		return
	}
	select {
	case to.come <- st:
	case <-to.done:
		_ = st.Close()
	}
}

// exchange reads the hello on c and answers it. It returns nil where the
// stream was refused or never began.
func (p *Port) exchange(c net.Conn) (*stream, *Streams) {
	_ = c.SetDeadline(time.Now().Add(p.cfg.HelloTimeout))
	c, err := p.secured(c)
	if err != nil {
		p.refused.noteUnknown(c.RemoteAddr(), err)
		return nil, nil
	}
	theirs, err := readHello(c)
	if errors.Is(err, ErrNeedsTLS) {
		p.answerPlain(c)
	}
	if err != nil {
		p.refused.noteUnknown(c.RemoteAddr(), err)
		return nil, nil
	}
	own := p.cfg.ClusterID()
	st := newStream(p, c, theirs, own)
	to, v := p.decide(theirs, own, st)
	mine := hello{first: byte(v), version: version, cluster: own, node: p.cfg.NodeID}
	if _, err := c.Write(mine.bytes()); err != nil || v != verdictWelcome {
		if v != verdictWelcome {
			p.refused.note(c.RemoteAddr(), theirs, own, v)
		}
		p.forget(st)
		return nil, nil
	}
	_ = c.SetDeadline(time.Time{})
	return st, to
}

// decide finds the streams that the hello asks for and whether it may come in;
// where it may, st is admitted.
func (p *Port) decide(theirs hello, own [16]byte, st *stream) (*Streams, verdict) {
	if v := judge(theirs, own); v != verdictWelcome {
		return nil, v
	}
	to := p.raft
	switch kind(theirs.first) {
	case kindRaft:
	case kindForward:
		to = p.forward
	default:
		return nil, verdictNotServed
	}
	select {
	case <-to.done:
		return nil, verdictNotServed
	default:
	}
	if p.admit(st, true) != nil {
		return nil, verdictFull
	}
	return to, verdictWelcome
}

// admit counts st among the open streams. It returns ErrFull or ErrClosed.
func (p *Port) admit(st *stream, accepted bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if accepted {
		if p.accepted >= p.cfg.MaxStreams {
			return ErrFull
		}
		p.accepted++
	}
	p.streams[st] = accepted
	return nil
}

// forget drops st from the open streams; a stream that is not there stays so.
func (p *Port) forget(st *stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.streams[st] {
		p.accepted--
	}
	delete(p.streams, st)
}

// helloOver drops c from the hellos under way.
func (p *Port) helloOver(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.hellos, c); i >= 0 {
		p.hellos = slices.Delete(p.hellos, i, i+1)
	}
}

// refusals logs refused streams, each node and verdict once a minute: a node
// of another cluster tries again without end.
type refusals struct {
	logger hclog.Logger

	mu     sync.Mutex
	logged map[refusal]time.Time // guarded by mu
}

// refusal is of a node; where nobody has said which, of a host, without a verdict.
type refusal struct {
	node    string
	verdict verdict
}

func newRefusals(l hclog.Logger) *refusals {
	return &refusals{logger: l, logged: make(map[refusal]time.Time)}
}

func (r *refusals) note(remote net.Addr, theirs hello, own [16]byte, v verdict) {
	if !r.due(refusal{theirs.node, v}, time.Now()) {
		return
	}
	level := hclog.Warn
	if v == verdictNotServed {
		level = hclog.Debug // this node is stopping, or has not started that part yet
	}
	r.logger.Log(level, "refused a stream of another node", "reason", v.err(), "node", theirs.node, "remote", remote,
		"their_cluster", clusterText(theirs.cluster), "own_cluster", clusterText(own), "their_version", theirs.version)
}

// noteUnknown notes a connection that ended before its hello. One that just
// ended, or said nothing, is nothing to worry about.
func (r *refusals) noteUnknown(remote net.Addr, err error) {
	var timeout net.Error
	silent := errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &timeout) && timeout.Timeout()
	if silent || errors.Is(err, ErrNoHello) {
		r.logger.Debug("a connection ended before its hello", "remote", remote, "err", err)
		return
	}
	host, _, splitErr := net.SplitHostPort(remote.String())
	if splitErr != nil {
		host = remote.String()
	}
	if r.due(refusal{node: host}, time.Now()) {
		r.logger.Warn("refused a connection of somebody who has not shown to be a node", "remote", remote, "reason", err)
	}
}

// due tells whether key was not logged within the last minute.
func (r *refusals) due(key refusal, now time.Time) bool {
	const every, most = time.Minute, 64
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.logged[key]; ok && now.Sub(last) < every {
		return false
	}
	if len(r.logged) >= most {
		clear(r.logged)
	}
	r.logged[key] = now
	return true
}
