package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/limitd/limitd/cmd/limitd/config"
)

// sockets are the TCP addresses that a node has bound, so that a taken port is
// found before anything is written, and port 0 becomes a number that the others
// can be told. Gossip binds its own.
type sockets struct {
	http, peer net.Listener
	ops        net.Listener // nil where it is not served

	httpAt, peerAt string // what the others are told
}

func listen(ctx context.Context, c config.Config, m Machine) (s *sockets, err error) {
	s = &sockets{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.http, err = m.Listen(ctx, c.HTTP.Address); err != nil {
		return s, fmt.Errorf("listen for clients (http.address): %w", err)
	}
	if s.peer, err = m.Listen(ctx, c.Peer.Address); err != nil {
		return s, fmt.Errorf("listen for other nodes (peer.address): %w", err)
	}
	if c.Ops.Address != "" {
		if s.ops, err = m.Listen(ctx, c.Ops.Address); err != nil {
			return s, fmt.Errorf("listen for operators (ops.address): %w", err)
		}
	}
	s.peerAt = advertised(c.Peer, s.peer.Addr(), "")
	host, _, _ := net.SplitHostPort(s.peerAt)
	s.httpAt = advertised(c.HTTP.Endpoint, s.http.Addr(), host)
	return s, nil
}

// advertised returns what the others are told: what was configured; or, where a
// wildcard was bound, the host given; or what was bound.
func advertised(e config.Endpoint, bound net.Addr, host string) string {
	if e.Advertise != "" {
		return e.Advertise
	}
	at := bound.(*net.TCPAddr)
	if at.IP.IsUnspecified() && host != "" {
		return net.JoinHostPort(host, strconv.Itoa(at.Port))
	}
	if name, _, err := net.SplitHostPort(e.Address); err == nil && name != "" && net.ParseIP(name) == nil {
		return net.JoinHostPort(name, strconv.Itoa(at.Port)) // a name stays a name
	}
	return at.String()
}

// Close closes what is open. Most sockets have been closed by those who used them.
func (s *sockets) Close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	if s.peer != nil {
		errs = append(errs, s.peer.Close())
	}
	if s.ops != nil {
		errs = append(errs, s.ops.Close())
	}
	for i, err := range errs {
		if errors.Is(err, net.ErrClosed) {
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}
