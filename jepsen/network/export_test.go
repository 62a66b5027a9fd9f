//go:build linux

package network

import "net"

// Listen listens in a node's place, as a node would, for TCP and UDP.
func (n *Network) Listen(node int, a Address) (l net.Listener, p net.PacketConn, err error) {
	open := func() error {
		if l, err = net.Listen("tcp", a.Listen); err == nil {
			p, err = net.ListenPacket("udp", a.Listen)
		}
		return err
	}
	if s, ok := n.under.(*namespaces); ok {
		return l, p, s.places[node].thread.do(open)
	}
	return l, p, open()
}

// Pretend makes the relays on loopback take connections of this process for
// node's.
func (n *Network) Pretend(node int) {
	if r, ok := n.under.(*relays); ok {
		owner := func(net.Conn) int { return node }
		r.owner.Store(&owner)
	}
}
