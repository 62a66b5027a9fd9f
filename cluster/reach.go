package cluster

import (
	"context"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
)

const (
	reachTimeout = time.Second // of one call
	reachAgain   = time.Second // between calls to a node that was not reached
)

// unreached is why nodes outside could not be called, by their id.
type unreached map[string]error

// reach calls a node that gossip has found, before it is added. Gossip may know
// one that has ended, one whose peer port is shut off, and one that has the
// cluster's gossip key and no certificate of a node.
func (t *tenure) reach(k gossip.Member) error {
	ctx, cancel := context.WithTimeout(t.ctx, reachTimeout)
	defer cancel()
	return t.r.cfg.Reach(ctx, k.Peer, k.ID)
}

// reached returns what the last call to a node said.
func (t *tenure) reached(k gossip.Member) error { return (*t.unreached.Load())[k.ID] }
