package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/transport/wire"
)

// restore takes a backup, and in the end puts it in the place of the state.
func restore(b *blow) (func(), error) {
	backup, err := b.save(b.ctx)
	if err != nil {
		return nil, err
	}
	return func() { b.putBack(backup) }, nil
}

// operatorCaller is the number of the operator, as a caller.
const operatorCaller = 950

// save takes a backup from any node that gives one.
func (c *Cluster) save(ctx context.Context) ([]byte, error) {
	err := errors.New("no node runs")
	for _, n := range c.members() {
		if n.running() == nil {
			continue
		}
		var backup []byte
		if backup, err = c.saveFrom(ctx, n); err == nil {
			return backup, nil
		}
	}
	return nil, fmt.Errorf("take a backup: %w", err)
}

func (c *Cluster) saveFrom(ctx context.Context, n *node) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	op := c.record.Call(history.Op{Client: operatorCaller, Kind: history.Save, Node: n.name, Tries: 1, Outcome: history.Refused})
	defer func() { c.record.Return(op) }()
	a, err := c.operator.send(ctx, n, http.MethodGet, "/v1/snapshot", "", nil)
	if err != nil {
		return nil, err
	}
	op.Outcome, op.Status, op.Index, op.Time = history.OK, a.status, a.index, a.time
	return a.body, nil
}

const (
	// restoreTime is how long the operator tries to restore a backup. It is longer
	// than any fault.
	restoreTime = time.Minute
	// restoreTry is how long he waits for one node.
	restoreTry = 20 * time.Second
)

// putBack restores a backup: the operator asks one machine after the other until
// it is done. A try that went astray may have done it, too, or do it still. It may
// have cost a node, so that the next waits until the cluster is whole.
func (c *Cluster) putBack(backup []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), restoreTime)
	defer cancel()
	op := c.record.Call(history.Op{Client: operatorCaller, Kind: history.Restore, Outcome: history.Unknown})
	defer func() { c.record.Return(op) }()
	if !c.holdDisks(ctx) || !c.putAnywhere(ctx, &op, backup) {
		c.convict("simulator", "availability", "the operator could not restore a backup")
	}
}

// putAnywhere tells whether a node restored the backup; op gets how it went.
func (c *Cluster) putAnywhere(ctx context.Context, op *history.Op, backup []byte) bool {
	defer c.letDisksGo()
	for rest(ctx, 100*time.Millisecond) {
		for _, n := range c.members() {
			if n.running() == nil || (op.Tries > 0 || c.isMaimed()) && !c.whole(ctx) {
				continue
			}
			op.Node = n.name
			op.Tries++
			a, err := c.putTo(ctx, n, backup)
			if err == nil {
				c.count("restored")
				op.Outcome, op.Status, op.Index, op.Time = history.OK, a.status, a.index, a.time
				return true
			}
			op.Astray++
		}
	}
	return false
}

// holdDisks waits until no disk is rotten, and has all keep what they hold until
// letDisksGo; false: ctx ended before.
func (c *Cluster) holdDisks(ctx context.Context) bool {
	for !c.tryHoldDisks() {
		if !rest(ctx, 100*time.Millisecond) {
			return false
		}
	}
	return true
}

func (c *Cluster) tryHoldDisks() bool {
	c.losing.Lock()
	defer c.losing.Unlock()
	if slices.ContainsFunc(c.members(), (*node).isRotten) {
		return false
	}
	c.restores++
	return true
}

func (c *Cluster) letDisksGo() {
	c.losing.Lock()
	defer c.losing.Unlock()
	c.restores--
}

// maim notes that a restore has cost a node; false: that it has been replaced.
func (c *Cluster) maim(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.maimed = yes
}

func (c *Cluster) isMaimed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maimed
}

// whole tells whether all machines run, and the founders, or who took their
// place, all vote and are alive, and nobody else is a member.
func (c *Cluster) whole(ctx context.Context) bool {
	if slices.ContainsFunc(c.members(), func(n *node) bool { return n.running() == nil }) {
		return false
	}
	leader := c.operator.leader(ctx)
	if leader == nil {
		return false
	}
	var said wire.Cluster
	if c.operator.call(ctx, leader, http.MethodGet, "/v1/cluster", nil, &said) != nil {
		return false
	}
	for _, n := range said.Nodes {
		if n.Role != string(cluster.Voter) || !n.Alive {
			return false
		}
	}
	if len(said.Nodes) < c.plan.Nodes {
		return false
	}
	c.maim(false)
	return true
}

func (c *Cluster) putTo(ctx context.Context, n *node, backup []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, restoreTry)
	defer cancel()
	return c.operator.send(ctx, n, http.MethodPut, "/v1/snapshot?longest_ttl=0s", wire.TypeSnapshot, backup)
}
