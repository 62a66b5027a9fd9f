package devcluster

import (
	"context"
	"errors"
	"net"
	"sync"
)

// errUnplugged is what a node meets that was cut off.
var errUnplugged = errors.New("this node was cut off from the network")

// plug is a node's connection to the network. Pulled, it cuts every connection
// and lets none be made: nothing that the node still says reaches anybody.
type plug struct {
	mu     sync.Mutex
	pulled bool
	open   map[net.Conn]struct{}
}

func newPlug() *plug { return &plug{open: map[net.Conn]struct{}{}} }

func (p *plug) pull() {
	p.mu.Lock()
	p.pulled = true
	cut := p.open
	p.open = map[net.Conn]struct{}{}
	p.mu.Unlock()
	for c := range cut {
		_ = c.Close() // whoever uses it hears of it
	}
}

// listen opens a listener whose connections hang on the plug.
func (p *plug) listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{l, p}, nil
}

// dial connects, by way of the plug.
func (p *plug) dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return p.hang(c)
}

// hang notes a connection; where the plug is pulled it is cut at once.
func (p *plug) hang(c net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pulled {
		return nil, errors.Join(errUnplugged, c.Close())
	}
	p.open[c] = struct{}{}
	return &conn{c, p}, nil
}

// listener accepts what the plug lets through.
type listener struct {
	net.Listener
	plug *plug
}

// Accept returns the next connection. Those of a node that was cut off are closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, err := l.plug.hang(c); err == nil {
			return c, nil
		}
	}
}

// conn tells the plug when it is closed.
type conn struct {
	net.Conn
	plug *plug
}

// Close closes the connection. It may be called twice.
func (c *conn) Close() error {
	c.plug.mu.Lock()
	delete(c.plug.open, c.Conn)
	c.plug.mu.Unlock()
	return c.Conn.Close()
}
