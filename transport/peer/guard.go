package peer

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Guard knows by which certificates nodes are believed to be nodes. A
// cert.Store is one.
type Guard interface {
	// Server returns the accepting end of a stream on a connection.
	Server(net.Conn) *tls.Conn
	// Client returns the dialling end.
	Client(net.Conn) *tls.Conn
	// Check says what is wrong by now with what the other end has shown.
	Check(*tls.Conn) error
}

// recordHandshake is the first byte that a client of TLS sends. No kind of
// stream begins with it.
const recordHandshake = 22

// secured returns the accepting end of c, once the other one has shown that it
// is a node. A node that speaks in plain text is told what it lacks.
func (p *Port) secured(c net.Conn) (net.Conn, error) {
	if p.cfg.Guard == nil {
		return c, nil
	}
	secure := p.cfg.Guard.Server(c)
	err := secure.Handshake()
	if err == nil {
		return secure, nil
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && (kind(plain.RecordHeader[0]) == kindRaft || kind(plain.RecordHeader[0]) == kindForward) {
		no := hello{first: byte(verdictNeedsTLS), version: version, node: p.cfg.NodeID}
		_, _ = c.Write(no.bytes()) // it will try again, and hear it then
		err = ErrNoTLS
	}
	return c, err
}

// answerPlain tells a node that spoke TLS that this one does not: what is not
// TLS says so. What the other sent is read first, as closing over it would take
// back the answer.
func (p *Port) answerPlain(c net.Conn) {
	const most = 16 << 10 // of a record of TLS
	_, _ = c.Read(make([]byte, most))
	_, _ = c.Write(hello{first: byte(verdictOtherVersion), version: version, node: p.cfg.NodeID}.bytes())
}

// trusted returns the dialling end of c, once the other one has shown that it
// is a node.
func (p *Port) trusted(c net.Conn) (net.Conn, error) {
	if p.cfg.Guard == nil {
		return c, nil
	}
	secure := p.cfg.Guard.Client(c)
	err := secure.Handshake()
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain):
		return nil, ErrNoTLS
	case err != nil:
		return nil, fmt.Errorf("agree on TLS: %w", err)
	}
	return secure, nil
}

// Sever ends the open streams whose other end would not be believed any more,
// and returns how many those were. It is called after the Guard has new certificates.
func (p *Port) Sever() int {
	if p.cfg.Guard == nil {
		return 0
	}
	p.mu.Lock()
	var doomed []*stream
	for s := range p.streams {
		secure, ok := s.Conn.(*tls.Conn)
		if !ok {
			continue
		}
		if err := p.cfg.Guard.Check(secure); err != nil {
			p.cfg.Logger.Warn("ended a stream whose other end is not believed any more", "node", s.node, "remote", s.RemoteAddr(), "reason", err)
			doomed = append(doomed, s)
		}
	}
	p.mu.Unlock()
	for _, s := range doomed {
		_ = cut(s.Conn)
	}
	return len(doomed)
}

// cut closes c at once: TLS would say goodbye first, for which the other end
// may have no ear.
func cut(c net.Conn) error {
	if secure, ok := c.(*tls.Conn); ok {
		return secure.NetConn().Close()
	}
	return c.Close()
}
