package peer

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
)

// A hello, sent by the side that dials:
//
//	offset  size  field
//	0       1     kind: 'R' raft, 'F' forward
//	1       1     version of the protocol between nodes
//	2       16    cluster id, zeros while the node has none
//	18      1     n, 1 to 64
//	19      n     id of the node
//
// The answer is laid out alike, with a verdict in place of the kind.
const (
	version   = 1
	headSize  = 19
	maxNodeID = 64
)

// kind tells the streams on the port apart. It is the first byte of each.
type kind byte

const (
	kindRaft    kind = 'R'
	kindForward kind = 'F'
)

func (k kind) String() string {
	if k == kindRaft {
		return "raft"
	}
	return "forward"
}

// verdict is how the accepting side answers a hello.
type verdict byte

const (
	verdictWelcome      verdict = 0
	verdictOtherCluster verdict = 1
	verdictOtherVersion verdict = 2
	verdictFull         verdict = 3
	verdictNotServed    verdict = 4 // this kind of stream is closed on that node
	verdictNeedsTLS     verdict = 5 // sent in plain text, to a node that spoke so
)

var (
	// ErrOtherCluster says that the two nodes belong to different clusters.
	ErrOtherCluster = errors.New("peer: the other node belongs to another cluster")
	// ErrOtherVersion says that the nodes speak different versions of the protocol between nodes.
	ErrOtherVersion = errors.New("peer: the other node speaks another version of the protocol between nodes")
	// ErrFull says that the other node has as many streams open as it allows.
	ErrFull = errors.New("peer: the other node has too many streams open")
	// ErrNotServed says that the other node does not take streams of this kind (any more).
	ErrNotServed = errors.New("peer: the other node does not take this kind of stream now")
	// ErrNeedsTLS says that the other node speaks TLS only, and this one does not.
	ErrNeedsTLS = errors.New("peer: the other node speaks TLS only; give this node's configuration its tls block, too")
	// ErrNoTLS says that this node speaks TLS only, and the other one does not.
	ErrNoTLS = errors.New("peer: the other node does not speak TLS; give its configuration the tls block, too")
	// ErrOtherNode says that another node than the one that was meant answers at an address.
	ErrOtherNode = errors.New("peer: another node answers there")
	// ErrNoHello says that what answered does not speak limitd's protocol between nodes.
	ErrNoHello = errors.New("peer: no limitd node-to-node port")
)

// err returns the error that v stands for, nil for a welcome.
func (v verdict) err() error {
	switch v {
	case verdictWelcome:
		return nil
	case verdictOtherCluster:
		return ErrOtherCluster
	case verdictOtherVersion:
		return ErrOtherVersion
	case verdictFull:
		return ErrFull
	case verdictNotServed:
		return ErrNotServed
	case verdictNeedsTLS:
		return ErrNeedsTLS
	}
	return fmt.Errorf("%w: verdict %d", ErrNoHello, byte(v))
}

// hello is what one side says of itself. First is the kind, or the verdict.
type hello struct {
	first   byte
	version byte
	cluster [16]byte
	node    string
}

func (h hello) bytes() []byte {
	b := append(make([]byte, 0, headSize+len(h.node)), h.first, h.version)
	b = append(b, h.cluster[:]...)
	b = append(b, byte(len(h.node)))
	return append(b, h.node...)
}

// readHello reads one hello, and not a byte more: what follows is not ours.
func readHello(c net.Conn) (hello, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return hello{}, fmt.Errorf("read a hello: %w", err)
	}
	if head[0] == recordHandshake {
		return hello{}, ErrNeedsTLS
	}
	h := hello{first: head[0], version: head[1], cluster: [16]byte(head[2:18])}
	n := int(head[18])
	if n == 0 || n > maxNodeID {
		return hello{}, fmt.Errorf("%w: a node id of %d bytes", ErrNoHello, n)
	}
	node := make([]byte, n)
	if _, err := io.ReadFull(c, node); err != nil {
		return hello{}, fmt.Errorf("read a hello: %w", err)
	}
	h.node = string(node)
	return h, nil
}

// judge says how a node of cluster own answers the hello h.
func judge(h hello, own [16]byte) verdict {
	switch {
	case h.version != version:
		return verdictOtherVersion
	case differ(h.cluster, own):
		return verdictOtherCluster
	}
	return verdictWelcome
}

// differ tells whether a and b are known to be two clusters.
func differ(a, b [16]byte) bool {
	var none [16]byte
	return a != none && b != none && a != b
}

// clusterText renders a cluster's id for people.
func clusterText(id [16]byte) string {
	if id == [16]byte{} {
		return "none"
	}
	return hex.EncodeToString(id[:])
}
