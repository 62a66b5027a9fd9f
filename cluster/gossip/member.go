package gossip

import (
	"errors"
	"fmt"

	"github.com/limitd/limitd/fsm/command"
)

// Tags are what a node tells the others of itself.
type Tags struct {
	ID        string // the node's UUID; also its name in memberlist
	Name      string // what people call it
	Peer      string // host:port at which raft and forwarding reach it
	HTTP      string // host:port at which callers reach it
	Version   string // of limitd
	NonVoter  bool   // role = "nonvoter"
	Rules     uint64 // the highest rules version that it can play
	Session   string // of this start of the process; "" before the replica has spoken
	ClusterID string // in hexadecimal, once known
	State     bool   // it has raft state: a cluster exists
	Blank     bool   // that state is a term and perhaps a vote, and no entry
	Out       bool   // it was removed from its cluster, and waits to be started anew
	Expect    int    // bootstrap_expect
	Promise   string // whom it agreed to form a cluster with
}

// Member is a node as gossip knows it.
type Member struct {
	Tags
	Alive bool
}

// maxTags is how many bytes of tags memberlist carries.
const maxTags = 512

// tagsFormat is the first byte of encoded tags; formats are only ever added.
const tagsFormat = 1

// ErrTooLong says that a node's name and addresses are longer than gossip carries.
var ErrTooLong = errors.New("gossip: the node's name and addresses are too long together")

// encode returns the tags as memberlist carries them:
//
//	1 byte format; then name, peer, http, version, session, cluster id and
//	promise, each behind its length; then nonvoter, state and out, a byte each; then
//	rules and expect as varints; then blank, a byte, only where it is set, which
//	versions before it cannot read
func (t Tags) encode() ([]byte, error) {
	e := command.NewEncoder([]byte{tagsFormat})
	for _, s := range []string{t.Name, t.Peer, t.HTTP, t.Version, t.Session, t.ClusterID, t.Promise} {
		e.String(s)
	}
	e.Bool(t.NonVoter)
	e.Bool(t.State)
	e.Bool(t.Out)
	e.Uint(t.Rules)
	e.Int(int64(t.Expect))
	if t.Blank {
		e.Bool(true)
	}
	if n := len(e.Bytes()); n > maxTags {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, n, maxTags)
	}
	return e.Bytes(), nil
}

// decodeTags reads what encode wrote, of the node id.
func decodeTags(id string, b []byte) (Tags, error) {
	t := Tags{ID: id}
	d := command.NewDecoder(b)
	if f := d.Byte(); f != tagsFormat {
		return t, fmt.Errorf("gossip: tags of format %d, known is %d", f, tagsFormat)
	}
	for _, s := range []*string{&t.Name, &t.Peer, &t.HTTP, &t.Version, &t.Session, &t.ClusterID, &t.Promise} {
		*s = d.String()
	}
	t.NonVoter, t.State, t.Out = d.Bool(), d.Bool(), d.Bool()
	t.Rules, t.Expect = d.Uint(), int(d.Int())
	if d.More() {
		t.Blank = d.Bool()
	}
	if err := d.Close(); err != nil {
		return t, fmt.Errorf("gossip: read tags: %w", err)
	}
	return t, nil
}
