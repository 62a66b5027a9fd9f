package forward

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/trace"
)

// server answers what other nodes ask of this one.
type server struct {
	cfg Config
	log hclog.Logger

	ctx  context.Context // ends at close
	stop context.CancelFunc
	wait sync.WaitGroup // the accept loop and the streams

	mu     sync.Mutex
	latest map[string]*session // guarded by mu; the newest session of each node
}

func startServer(cfg Config) *server {
	s := &server{cfg: cfg, log: cfg.Logger, latest: make(map[string]*session)}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.wait.Go(s.accept)
	return s
}

func (s *server) close() error {
	s.stop()
	err := s.cfg.Streams.Close()
	s.wait.Wait()
	return err
}

func (s *server) accept() {
	for {
		conn, node, err := s.cfg.Streams.AcceptNode()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("a stream of another node could not be accepted", "err", err)
			continue
		}
		s.wait.Go(func() { s.serve(conn, node) })
	}
}

// serve reads from one stream until it ends. Its first frame tells a restore
// from calls.
func (s *server) serve(conn net.Conn, node string) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	watch := &silence{conn: conn, most: 2 * s.cfg.DeadAfter}
	r := bufio.NewReaderSize(watch, 64<<10)
	first, err := readFrame(r)
	if err != nil {
		return
	}
	if longest, begins := longestTTL(first); begins {
		s.restore(ctx, conn, r, longest)
		return
	}
	ss := &session{server: s, node: node, out: newOutbox(conn, s.cfg.MaxBytes), open: make(map[uint64]context.CancelFunc), over: make(chan struct{}), cancel: cancel}
	defer s.leave(ss)
	s.enter(ctx, ss)
	if err := ss.run(ctx, first, r); ctx.Err() == nil {
		s.log.Debug("the connection of another node ended", "node", node, "err", err)
	}
}

// enter makes ss the session of its node. An earlier one is ended, and its
// calls are waited for: of two copies of a record only one is ever under way.
func (s *server) enter(ctx context.Context, ss *session) {
	s.mu.Lock()
	before := s.latest[ss.node]
	s.latest[ss.node] = ss
	s.mu.Unlock()
	if before == nil {
		return
	}
	before.cancel()
	// A call that does not heed its context must not cut its node off for ever.
	patience := time.NewTimer(s.cfg.DeadAfter / 2)
	defer patience.Stop()
	select {
	case <-before.over:
	case <-ctx.Done():
	case <-patience.C:
		s.log.Warn("calls of a node's last connection are still under way", "node", ss.node)
	}
}

// leave ends ss.
func (s *server) leave(ss *session) {
	close(ss.over)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest[ss.node] == ss {
		delete(s.latest, ss.node)
	}
}

// silence ends a connection from which nothing comes for too long: a node that
// calls also pings.
type silence struct {
	conn net.Conn
	most time.Duration
}

func (s *silence) Read(b []byte) (int, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.most)); err != nil {
		return 0, err
	}
	return s.conn.Read(b)
}

// session is the calls of one node on one connection.
type session struct {
	server *server
	node   string
	out    *outbox
	cancel context.CancelFunc
	over   chan struct{}  // closed when all calls have ended
	wait   sync.WaitGroup // the writer, and the calls

	mu   sync.Mutex
	open map[uint64]context.CancelFunc // guarded by mu; calls under way
}

// run serves frames, the first of which was read already, until the connection
// ends, and returns when no call is left.
func (ss *session) run(ctx context.Context, first frame, r *bufio.Reader) (err error) {
	ss.wait.Go(func() {
		if ss.out.write() != nil {
			ss.cancel()
		}
	})
	for f := first; err == nil; f, err = readFrame(r) {
		ss.take(ctx, f)
	}
	ss.cancel()
	ss.out.close()
	ss.wait.Wait()
	return err
}

// take begins what f asks for. It never blocks.
func (ss *session) take(ctx context.Context, f frame) {
	switch f.kind {
	case framePing:
		_, _ = ss.out.add(framePong, f.number, []byte{byte(featureTraces)})
		return
	case frameCancel:
		ss.mu.Lock()
		cancel := ss.open[f.number]
		ss.mu.Unlock()
		if cancel != nil {
			cancel()
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	admitted := ss.register(f.number, cancel)
	ss.wait.Go(func() {
		defer cancel()
		if !admitted {
			ss.answer(f.number, nil, ErrOverloaded)
			return
		}
		ss.call(ctx, f)
	})
}

// register makes a call known to cancel frames; false where too many are under way.
func (ss *session) register(number uint64, cancel context.CancelFunc) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.open) >= ss.server.cfg.MaxCalls {
		return false
	}
	ss.open[number] = cancel
	return true
}

// call does what f asks for and answers it, unless nobody waits any more.
func (ss *session) call(ctx context.Context, f frame) {
	begun := time.Now()
	ctx, f, err := traced(ctx, f)
	var body []byte
	if err == nil {
		body, err = ss.server.do(ctx, f)
	}
	ss.server.tell(ctx, ss.node, f, time.Since(begun), err)
	ss.mu.Lock()
	delete(ss.open, f.number)
	ss.mu.Unlock()
	if err == nil || ctx.Err() == nil {
		ss.answer(f.number, body, err)
	}
}

// traced takes off f the trace that it belongs to.
func traced(ctx context.Context, f frame) (context.Context, frame, error) {
	if f.kind != frameTraced {
		return ctx, f, nil
	}
	if len(f.body) == 0 || len(f.body) < 1+int(f.body[0]) {
		return ctx, f, fmt.Errorf("%w: the trace", errMalformed)
	}
	n := 1 + int(f.body[0])
	if parent, ok := trace.Parse(string(f.body[1:n])); ok {
		ctx = trace.With(ctx, parent)
	}
	f.kind, f.body = frameRun, f.body[n:]
	return ctx, f, nil
}

// tell logs a call that is over.
func (s *server) tell(ctx context.Context, node string, f frame, took time.Duration, err error) {
	if !s.log.IsDebug() {
		return
	}
	args := []any{"node", node, "call", f.kind.String(), "took", took.String()}
	if err != nil {
		args = append(args, "err", err)
	}
	s.log.Debug("served another node", append(args, trace.Args(ctx)...)...)
}

// underWay returns how many calls of other nodes are under way here.
func (s *server) underWay() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.latest {
		ss.mu.Lock()
		n += len(ss.open)
		ss.mu.Unlock()
	}
	return n
}

// answer puts an answer out. A node that does not read its answers is cut off.
func (ss *session) answer(number uint64, body []byte, err error) {
	kind := frameAnswer
	if err != nil {
		kind, body = frameProblem, encodeProblem(err)
	}
	if len(body) > maxFrame-frameHead {
		kind, body = frameProblem, encodeProblem(fmt.Errorf("an answer of %d bytes is too large for the hop", len(body)))
	}
	if _, err := ss.out.add(kind, number, body); err != nil {
		ss.cancel()
	}
}

// do carries out one request on this node's replica.
func (s *server) do(ctx context.Context, f frame) ([]byte, error) {
	switch f.kind {
	case frameRun:
		return s.run(ctx, f.body)
	case frameReadIndex:
		index, err := s.cfg.Replica.ReadIndex(ctx)
		return encodeIndex(index), err
	case frameDigest:
		index, err := decodeIndex(f.body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errMalformed, err)
		}
		sum, ok, err := s.cfg.Operator.Digest(ctx, index)
		return encodeDigest(sum, ok), err
	case frameStatus:
		return encodeStatus(status(s.cfg)), nil
	case frameTransfer:
		return nil, s.cfg.Operator.Transfer(ctx, string(f.body))
	case frameRemove:
		return nil, s.cfg.Operator.RemoveNode(ctx, string(f.body))
	case framePromote:
		return nil, s.cfg.Operator.SetRole(ctx, string(f.body), cluster.Voter)
	case frameDemote:
		return nil, s.cfg.Operator.SetRole(ctx, string(f.body), cluster.NonVoter)
	case frameAutopilot:
		report, err := s.cfg.Operator.Autopilot(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(report)
	}
	return nil, fmt.Errorf("%w: kind %d", errMalformed, f.kind)
}

// run has the replica run a record, which must be one that it can read: what
// is proposed once every node has to apply.
func (s *server) run(ctx context.Context, body []byte) ([]byte, error) {
	hold, record, err := decodeRun(body)
	if err != nil {
		return nil, err
	}
	if _, err := command.Decode(record); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	answer, err := s.cfg.Replica.Run(ctx, record, hold)
	if err != nil {
		return nil, err
	}
	return encodeAnswer(answer), nil
}

// status is what this node tells of itself.
func status(cfg Config) (st Status) {
	st.Version = cfg.Version
	cfg.Replica.View(func(s *limit.State) { st.AppliedIndex, st.Time = s.Index(), s.Time() })
	return st
}
