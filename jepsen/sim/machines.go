package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/sim/rumour"
	"github.com/limitd/limitd/transport/wire"
)

// kill kills processes at once, and starts them again.
func kill(b *blow) (func(), error) {
	for _, n := range b.on {
		n.kill()
	}
	return b.startAll, nil
}

func (b *blow) startAll() {
	for _, n := range b.on {
		n.start()
	}
}

// stop stops processes as SIGTERM does.
func stop(b *blow) (func(), error) {
	var stopping sync.WaitGroup
	for _, n := range b.on {
		stopping.Go(n.stop)
	}
	return func() {
		stopping.Wait()
		b.startAll()
	}, nil
}

func pause(b *blow) (func(), error) {
	for _, n := range b.on {
		n.pause()
	}
	return func() {
		for _, n := range b.on {
			n.resume()
		}
	}, nil
}

// clockRate changes how fast a machine's monotonic clock runs.
func clockRate(b *blow) (func(), error) {
	for _, n := range b.on {
		n.clock.SetRate(b.Rate)
	}
	return func() {
		for _, n := range b.on {
			n.clock.SetRate(1)
		}
	}, nil
}

// clockWall sets a machine's wall clock.
func clockWall(b *blow) (func(), error) {
	for _, n := range b.on {
		n.clock.SetWall(b.Size)
	}
	return func() {
		for _, n := range b.on {
			n.clock.SetWall(0)
		}
	}, nil
}

// transfer hands the leadership to a machine.
func transfer(b *blow) (func(), error) {
	leader := b.operator.leader(b.ctx)
	if leader == nil {
		return nil, errors.New("nobody leads")
	}
	to := b.on[0].name
	if b.on[0] == leader {
		to = "" // to whom it likes
	}
	err := b.operator.call(b.ctx, leader, http.MethodPost, "/v1/cluster/transfer", wire.TransferRequest{To: to}, nil)
	return func() {}, err
}

// join starts one machine more, which becomes a voter; in the end it leaves.
func join(b *blow) (func(), error) {
	n := b.add()
	n.start()
	return func() {
		b.remove(n)
		n.leave()
		b.removeGone(n, n.identity())
	}, nil
}

// replace gives a machine an empty disk: the node that was there is removed,
// another one takes its place. The operator waits until the cluster can do
// without it.
func replace(b *blow) (func(), error) {
	n := b.on[0]
	var old string // rot may have made it another node while this one waited
	for !b.lose(n, b.operator.views(b.ctx, n), func() { old = n.identity(); n.wipe() }) {
		if !rest(b.ctx, 100*time.Millisecond) {
			return nil, fmt.Errorf("%s was needed all the time", n.name)
		}
	}
	return func() {
		n.start()
		b.removeGone(n, old)
	}, nil
}

// rot kills a node, flips bits on its disk and starts it: it has to refuse, or to
// do without what is spoilt. In the end the machine is a new node, if it is none
// by then.
func rot(b *blow) (func(), error) {
	n := b.on[0]
	for !b.lose(n, b.operator.views(b.ctx, n), func() { b.what = n.rot() }) {
		if !rest(b.ctx, 100*time.Millisecond) {
			return nil, fmt.Errorf("%s was needed all the time", n.name)
		}
	}
	n.start()
	return func() {
		if !n.isRotten() {
			return
		}
		if n.running() != nil {
			b.count("damage unseen")
		}
		old := n.identity()
		n.kill()
		n.wipe()
		n.start()
		b.removeGone(n, old)
	}, nil
}

// lose ends a machine's process and has its disk lose what it holds, where by
// all views of the membership a majority of the voters keeps its data. It does
// not while a backup is restored, which may cost a node, too.
func (c *Cluster) lose(n *node, views [][]wire.Node, how func()) bool {
	c.losing.Lock() // two at a time could be one too many
	defer c.losing.Unlock()
	kept := make(map[string]bool)
	for _, m := range c.members() {
		kept[m.identity()] = m != n && !m.isRotten()
	}
	for _, members := range views {
		if !spared(members, kept) {
			return false
		}
	}
	if len(views) == 0 || c.restores > 0 {
		return false
	}
	n.kill()
	how()
	return true
}

// spared tells whether most voters are among those whose data is kept, by id.
func spared(members []wire.Node, kept map[string]bool) bool {
	voters, left := 0, 0
	for _, m := range members {
		if m.Role != wire.RoleVoter {
			continue
		}
		voters++
		if kept[m.ID] {
			left++
		}
	}
	return left > voters/2
}

// removeGone takes a node out of the cluster that will not come back. A leader
// takes one in, again or that was none yet, for as long as nobody has heard of its
// end.
func (c *Cluster) removeGone(n *node, id string) {
	c.removeID(n, id)
	_ = rest(context.Background(), rumour.Silence+2*time.Second)
	c.removeID(n, id)
}

// remove takes a machine's node out of the cluster.
func (c *Cluster) remove(n *node) { c.removeID(n, n.identity()) }

// removeTime is how long the operator tries to remove a node. It is longer than
// any fault.
const removeTime = time.Minute

// removeID takes the node with this id, which is or was on machine n, out of
// the cluster: the operator asks one machine after the other until it is done.
func (c *Cluster) removeID(n *node, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	for rest(ctx, 100*time.Millisecond) {
		for _, m := range c.members() {
			if m == n || m.running() == nil {
				continue
			}
			err := c.operator.call(ctx, m, http.MethodDelete, "/v1/cluster/nodes/"+id, nil, nil)
			if err == nil || isGone(err) {
				c.count("removed")
				return
			}
		}
	}
	c.convict("simulator", "availability", "the operator could not remove "+n.name)
}

// isGone tells whether the cluster has no such node (any more).
func isGone(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Code == wire.CodeNodeNotFound
}

func (n *node) identity() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}
