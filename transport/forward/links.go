package forward

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// dialer opens a stream to the node that advertises an address.
type dialer func(ctx context.Context, address string) (net.Conn, error)

// links are this node's connections to others, one a node, opened when first
// needed. All who need one that is being opened wait for the same one.
type links struct {
	cfg  linkConfig
	dial dialer
	wait sync.WaitGroup // dials under way

	mu     sync.Mutex
	closed bool                // guarded by mu
	by     map[string]*opening // guarded by mu; by address
	old    []*link             // guarded by mu; retired or failed, to be joined
}

// opening is a link that is open or being opened.
type opening struct {
	done   chan struct{} // closed when link or err is set
	cancel context.CancelFunc
	link   *link
	err    error
	failed time.Time // when err was set
}

// redialAfter spares a node that refuses connections a new one for every call
// that wants to know: they share the last refusal for so long.
const redialAfter = 10 * time.Millisecond

func newLinks(dial dialer, cfg linkConfig) *links {
	return &links{cfg: cfg, dial: dial, by: make(map[string]*opening)}
}

// call sends r to the node at address and waits for the answer's body.
func (ls *links) call(ctx context.Context, address string, r request) ([]byte, error) {
	l, err := ls.get(ctx, address)
	if err != nil {
		return nil, err
	}
	return l.call(ctx, r)
}

// get returns the link to address, and opens it where there is none. Its
// errors are *tryError: nothing was sent.
func (ls *links) get(ctx context.Context, address string) (*link, error) {
	o, err := ls.opening(address)
	if err != nil {
		return nil, err
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		return nil, &tryError{fateNone, context.Cause(ctx)}
	}
	if o.err != nil {
		return nil, &tryError{fateNone, o.err}
	}
	return o.link, nil
}

// opening returns the usable or coming link to address.
func (ls *links) opening(address string) (*opening, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return nil, &tryError{fateNone, ErrClosed}
	}
	if o := ls.by[address]; o != nil && o.mayServe() {
		return o, nil
	}
	ls.buryLocked(address)
	ctx, cancel := context.WithTimeout(context.Background(), ls.cfg.deadAfter)
	o := &opening{done: make(chan struct{}), cancel: cancel}
	ls.by[address] = o
	ls.wait.Go(func() { ls.open(ctx, o, address) })
	return o, nil
}

// mayServe tells whether o is being opened, is a link that takes calls, or has
// just failed.
func (o *opening) mayServe() bool {
	select {
	case <-o.done:
	default:
		return true
	}
	if o.err != nil {
		return time.Since(o.failed) < redialAfter
	}
	return o.link.usable()
}

func (ls *links) open(ctx context.Context, o *opening, address string) {
	defer close(o.done)
	defer o.cancel()
	conn, err := ls.dial(ctx, address)
	if err != nil {
		o.err, o.failed = fmt.Errorf("connect to the node at %s: %w", address, err), time.Now()
		return
	}
	o.link = startLink(conn, ls.cfg)
}

// underWay returns how many calls wait for an answer.
func (ls *links) underWay() (n int) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, o := range ls.by {
		select {
		case <-o.done:
			if o.err == nil {
				n += o.link.underWay()
			}
		default:
		}
	}
	return n
}

// retireOthers ends the links to all nodes but the one at address: calls that
// may move to it are given up there at once.
func (ls *links) retireOthers(address string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for a, o := range ls.by {
		if a == address {
			continue
		}
		select {
		case <-o.done:
			if o.err == nil {
				o.link.retire()
			}
		default:
			o.cancel() // nobody wants to wait for a leader of yesterday
		}
	}
}

// buryLocked takes the link to address, which takes no calls any more, out of
// use, and joins those that have ended.
func (ls *links) buryLocked(address string) {
	if o := ls.by[address]; o != nil && o.link != nil {
		ls.old = append(ls.old, o.link)
	}
	delete(ls.by, address)
	kept := ls.old[:0]
	for _, l := range ls.old {
		select {
		case <-l.done:
			l.wait.Wait() // its goroutines are on their last steps
		default:
			kept = append(kept, l)
		}
	}
	clear(ls.old[len(kept):])
	ls.old = kept
}

// close ends all links and waits for their goroutines.
func (ls *links) close() {
	ls.mu.Lock()
	ls.closed = true
	for _, o := range ls.by {
		o.cancel()
	}
	ls.mu.Unlock()
	ls.wait.Wait()
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, o := range ls.by {
		if o.link != nil {
			o.link.close(ErrClosed)
		}
	}
	for _, l := range ls.old {
		l.close(ErrClosed)
	}
}
