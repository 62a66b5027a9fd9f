package forward

import (
	"net"
	"runtime"
	"sync"
)

// outbox gathers frames and writes them to a connection: all that came while
// one Write was under way leave together in the next.
type outbox struct {
	conn net.Conn
	most int           // bytes that may wait
	wake chan struct{} // holds a token while something waits

	mu    sync.Mutex
	buf   []byte // guarded by mu; what waits
	put   uint64 // guarded by mu; bytes ever put in
	taken uint64 // guarded by mu; bytes ever handed to conn.Write
	shut  bool   // guarded by mu
}

func newOutbox(conn net.Conn, most int) *outbox {
	return &outbox{conn: conn, most: most, wake: make(chan struct{}, 1)}
}

// add puts a frame in. It returns the frame's place, by which left tells
// whether it may have gone out, or errLinkClosed or ErrOverloaded.
func (o *outbox) add(kind frameKind, number uint64, body ...[]byte) (place uint64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut {
		return 0, errLinkClosed
	}
	if len(o.buf) > o.most {
		return 0, ErrOverloaded
	}
	place = o.put
	before := len(o.buf)
	o.buf = appendFrame(o.buf, kind, number, body...)
	o.put += uint64(len(o.buf) - before)
	if before == 0 {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	return place, nil
}

// left tells whether any byte of the frame at place may have gone out.
func (o *outbox) left(place uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return place < o.taken
}

// close makes write return; frames that still wait stay behind.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.shut {
		o.shut = true
		close(o.wake)
	}
}

// take returns what waits, and leaves spare in its place; false after close.
func (o *outbox) take(spare []byte) ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shut {
		return nil, false
	}
	full := o.buf
	o.buf = spare[:0]
	o.taken += uint64(len(full))
	return full, true
}

// write sends what is put in until close or the first fault, which it returns.
func (o *outbox) write() error {
	const keep = 1 << 20 // a buffer grown past it is not kept
	var spare []byte
	for range o.wake {
		// Those who are about to put a frame in go first: one more pass of the
		// scheduler is cheaper than one more Write.
		runtime.Gosched()
		full, ok := o.take(spare)
		if !ok {
			return nil
		}
		if _, err := o.conn.Write(full); err != nil {
			return err
		}
		if spare = full; cap(spare) > keep {
			spare = nil
		}
	}
	return nil
}
