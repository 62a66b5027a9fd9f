package forward

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/transport/trace"
)

// link is this node's end of its one connection to another node. Many calls
// are under way on it at once, and are answered in any order.
type link struct {
	cfg  linkConfig
	conn net.Conn
	out  *outbox
	wait sync.WaitGroup // read, write and watch

	heard atomic.Int64 // when the last frame came, ns since born
	born  time.Time
	able  atomic.Uint32 // features that the other node told of
	done  chan struct{} // closed by fail

	mu      sync.Mutex
	calls   map[uint64]*call // guarded by mu
	next    uint64           // guarded by mu; number of the next request
	err     error            // guarded by mu; why the link ended; nil: it has not
	retired bool             // guarded by mu; ends with its last call
	idle    int              // guarded by mu; pings since the last call
}

// linkConfig bounds a link.
type linkConfig struct {
	pingEvery time.Duration // between pings
	deadAfter time.Duration // without a frame, the link is given up
	idleAfter int           // pings without a call after which the link is closed
	maxCalls  int           // under way at once
	maxBytes  int           // waiting to be written
}

// call is a request that waits for its answer.
type call struct {
	answer  chan callResult // holds one
	movable bool            // given up when the link is retired
	place   uint64          // in the outbox
}

type callResult struct {
	frame frame
	err   error
}

// startLink begins to use conn, which is past its hello.
func startLink(conn net.Conn, cfg linkConfig) *link {
	l := &link{
		cfg: cfg, conn: conn, out: newOutbox(conn, cfg.maxBytes), born: time.Now(),
		done: make(chan struct{}), calls: make(map[uint64]*call),
	}
	l.wait.Go(l.read)
	l.wait.Go(l.watch)
	l.wait.Go(func() {
		if err := l.out.write(); err != nil {
			l.fail(fmt.Errorf("write to the node: %w", err))
		}
	})
	return l
}

// request is what one call sends.
type request struct {
	kind    frameKind
	body    [][]byte
	movable bool         // see call
	trace   trace.Parent // that the call belongs to, where there is one
}

// framed returns the kind and body of r's frame, for a node with the given features.
func (r request) framed(able features) (frameKind, [][]byte) {
	parent := r.trace.String()
	if r.kind != frameRun || parent == "" || able&featureTraces == 0 {
		return r.kind, r.body
	}
	return frameTraced, append([][]byte{{byte(len(parent))}, []byte(parent)}, r.body...)
}

// call sends r and waits for the answer's body. Where ctx ends first, the
// other side is told that nobody waits. Its errors are *tryError or ErrOverloaded.
func (l *link) call(ctx context.Context, r request) ([]byte, error) {
	number, c, err := l.send(r)
	if err != nil {
		return nil, err
	}
	select {
	case a := <-c.answer:
		return a.body()
	case <-ctx.Done():
	}
	if !l.drop(number) { // the answer came at the same moment
		a := <-c.answer
		return a.body()
	}
	// Its frame may be gone, or leave yet; the cancel leaves behind it.
	_, _ = l.out.add(frameCancel, number)
	return nil, &tryError{fateUnknown, context.Cause(ctx)}
}

func (a callResult) body() ([]byte, error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case a.frame.kind == frameAnswer:
		return a.frame.body, nil
	}
	return nil, readProblem(a.frame.body)
}

// send registers a call for r and puts its frame into the outbox.
func (l *link) send(r request) (uint64, *call, error) {
	c := &call{answer: make(chan callResult, 1), movable: r.movable}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil || l.retired {
		return 0, nil, &tryError{fateNone, errLinkClosed}
	}
	if len(l.calls) >= l.cfg.maxCalls {
		return 0, nil, &tryError{fateFinal, ErrOverloaded}
	}
	number := l.next
	kind, body := r.framed(features(l.able.Load()))
	place, err := l.out.add(kind, number, body...)
	if err != nil {
		return 0, nil, &tryError{fateFinal, err}
	}
	c.place = place
	l.next++
	l.idle = 0
	l.calls[number] = c
	return number, c, nil
}

// drop forgets a call; false where it was answered already.
func (l *link) drop(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, there := l.calls[number]
	delete(l.calls, number)
	l.endWhenEmptyLocked()
	return there
}

// read delivers answers until the connection ends.
func (l *link) read() {
	r := bufio.NewReaderSize(l.conn, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			l.fail(fmt.Errorf("read from the node: %w", err))
			return
		}
		l.heard.Store(int64(time.Since(l.born)))
		switch f.kind {
		case frameAnswer, frameProblem:
			l.deliver(f)
		case framePong:
			if len(f.body) > 0 {
				l.able.Store(uint32(f.body[0]))
			}
		}
	}
}

func (l *link) deliver(f frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[f.number]
	if c == nil {
		return // cancelled meanwhile
	}
	delete(l.calls, f.number)
	c.answer <- callResult{frame: f}
	l.endWhenEmptyLocked()
}

// watch pings, and gives the link up when nothing comes back or nobody needs it.
func (l *link) watch() {
	tick := time.NewTicker(l.cfg.pingEvery)
	defer tick.Stop()
	_, _ = l.out.add(framePing, 0)
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
		}
		if silent := time.Since(l.born) - time.Duration(l.heard.Load()); silent > l.cfg.deadAfter {
			l.fail(fmt.Errorf("%w for %v", errSilent, silent.Round(time.Millisecond)))
			return
		}
		if l.unused() {
			l.retire()
			return
		}
		_, _ = l.out.add(framePing, 0)
	}
}

// unused counts the pings without a call.
func (l *link) unused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) > 0 {
		l.idle = 0
	}
	l.idle++
	return l.idle > l.cfg.idleAfter
}

// retire takes no more calls, ends those that may move to another node, and
// closes the link once the others are answered.
func (l *link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	for number, c := range l.calls {
		if c.movable {
			delete(l.calls, number)
			c.answer <- callResult{err: &tryError{fateUnknown, errMoved}} // its frame may leave yet
			_, _ = l.out.add(frameCancel, number)
		}
	}
	l.endWhenEmptyLocked()
}

func (l *link) endWhenEmptyLocked() {
	if l.retired && len(l.calls) == 0 {
		l.failLocked(errLinkClosed)
	}
}

// fail ends the link and all its calls.
func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

func (l *link) failLocked(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	close(l.done)
	l.out.close()
	_ = l.conn.Close()
	for number, c := range l.calls {
		delete(l.calls, number)
		c.answer <- callResult{err: l.lostLocked(c, err)}
	}
}

// lostLocked is the error of a call that gets no answer: where its frame never
// left, nothing can have come of it.
func (l *link) lostLocked(c *call, err error) error {
	if l.out.left(c.place) {
		return &tryError{fateUnknown, err}
	}
	return &tryError{fateNone, err}
}

// usable tells whether the link takes calls.
func (l *link) usable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err == nil && !l.retired
}

// underWay returns how many calls wait for an answer.
func (l *link) underWay() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

// close ends the link and waits for its goroutines.
func (l *link) close(err error) {
	l.fail(err)
	l.wait.Wait()
}
