package peer

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// pipes is a network of net.Pipe: addresses are names.
type pipes struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
}

func newPipes() *pipes { return &pipes{listeners: make(map[string]*pipeListener)} }

func (n *pipes) listen(name string) *pipeListener {
	l := &pipeListener{name: name, come: make(chan net.Conn), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[name] = l
	return l
}

func (n *pipes) dial(ctx context.Context, name string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[name]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("nobody listens at %s", name)
	}
	here, there := net.Pipe()
	select {
	case l.come <- there:
		return here, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	name string
	come chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.come:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return address(l.name) }

// start opens a port named name on n, and closes it with the test.
func start(t *testing.T, n *pipes, name string, change func(*Config)) *Port {
	t.Helper()
	cfg := Config{Listener: n.listen(name), Advertise: name, NodeID: "id-" + name, Dial: n.dial, Logger: hclog.NewNullLogger()}
	if change != nil {
		change(&cfg)
	}
	p, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func cluster(b byte) func() [16]byte { return func() [16]byte { return [16]byte{b} } }
