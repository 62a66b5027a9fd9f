package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/limitd/limitd/cluster/clustertest"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/jepsen/sim/disk"
)

// node is one machine: a name, a clock, a disk, and the process on it.
type node struct {
	cluster *Cluster
	name    string
	number  int // n1 is 1
	clock   *clustertest.Clock

	mu     sync.Mutex
	id     string     // of the disk; guarded by mu
	disk   *disk.Disk // guarded by mu
	proc   *process   // that runs, or nil; guarded by mu
	disks  int        // that it had; guarded by mu
	starts int        // guarded by mu
	ends   int        // of processes; guarded by mu
	rotten bool       // its disk is; guarded by mu
	gone   bool       // it was taken out for good; guarded by mu
}

func newNode(c *Cluster, number int) *node {
	n := &node{cluster: c, name: fmt.Sprintf("n%d", number), number: number, clock: clustertest.NewClock(int64(number) * 1e12)}
	n.wipe()
	return n
}

// wipe gives the machine an empty disk: what runs on it then is a new node.
func (n *node) wipe() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.starts++
	n.disks++
	id, err := store.NewID(n.chanceLocked())
	if err != nil { // never: ChaCha8 does not fail
		panic(err)
	}
	n.rotten = false
	n.id, n.disk = id, disk.New(n.cluster.archive, n.cluster.plan.Seed*64+uint64(n.number)<<32+uint64(n.starts))
}

// expectLocked returns the bootstrap_expect of the machine's file. Who comes
// later has to have 0. Every second one has what the founders have, as if all
// shared one file; in the simulator it always hears of the cluster.
func (n *node) expectLocked() int {
	founder := n.number <= n.cluster.plan.Nodes && n.disks == 1
	if founder || (n.number+n.disks)%2 == 0 {
		return n.cluster.plan.Expect
	}
	return 0
}

// chanceLocked returns the randomness of one start.
func (n *node) chanceLocked() *rand.ChaCha8 {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], n.cluster.plan.Seed)
	binary.LittleEndian.PutUint64(seed[8:], uint64(n.number))
	binary.LittleEndian.PutUint64(seed[16:], uint64(n.starts))
	return rand.NewChaCha8(seed)
}

// running returns the process, nil while there is none.
func (n *node) running() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// ended returns how many processes have ended on it.
func (n *node) ended() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ends
}

func (n *node) storage() *disk.Disk {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.disk
}

// start starts a process where none runs.
func (n *node) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil || n.gone {
		return
	}
	n.starts++
	n.proc = newProcess(n, n.chanceLocked())
	n.cluster.tasks.Go(n.proc.run)
}

// kill ends the process at once, as kill -9 does.
func (n *node) kill() {
	if p := n.drop(); p != nil {
		p.die()
	}
}

// drop takes the process off the machine.
func (n *node) drop() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.proc
	if p != nil {
		n.proc = nil
		n.ends++
	}
	return p
}

// stop ends the process as SIGTERM does.
func (n *node) stop() {
	if p := n.running(); p != nil {
		p.stop()
		n.forget(p)
	}
}

func (n *node) forget(p *process) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == p {
		n.proc = nil
		n.ends++
	}
}

// leave takes the machine out for good.
func (n *node) leave() {
	n.mu.Lock()
	n.gone = true
	n.mu.Unlock()
	n.kill()
}

func (n *node) isGone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

// restartAfter is how long what looks after a node takes to start it again
// after it stopped itself.
const restartAfter = time.Second

// failed is called when the process stopped itself for err.
func (n *node) failed(p *process, err error) {
	c := n.cluster
	switch {
	case errors.Is(err, store.ErrWrite), errors.Is(err, store.ErrStalled):
		c.count("fail-stop")
	case errors.Is(err, store.ErrHalfRestored):
		c.count("half restored")
		defer n.renew()
	case errors.Is(err, store.ErrDamaged) && n.isRotten():
		c.count("damage refused")
		n.forget(p)
		p.die()
		return // to start it again is of no use
	default:
		c.convict("fatal", "section 8", fmt.Sprintf("%s stopped itself: %v", n.name, err))
	}
	n.forget(p)
	p.die()
	time.AfterFunc(restartAfter, n.start)
}

// rot flips bits on the disk of the machine, whose process does not run.
func (n *node) rot() (what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rotten = true
	return n.disk.Rot()
}

func (n *node) isRotten() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rotten
}

// renew gives the machine an empty disk, and has the node that was there removed.
func (n *node) renew() {
	old := n.identity()
	n.wipe()
	n.cluster.maim(true)
	n.cluster.tasks.Go(func() { n.cluster.removeGone(n, old) })
}

// pause stops all that goes in or out of the process, and its disk.
func (n *node) pause() {
	if p := n.running(); p != nil {
		p.host.Hold()
		n.storage().Hold(true)
	}
}

// resume lets it go on.
func (n *node) resume() {
	n.storage().Hold(false)
	if p := n.running(); p != nil {
		p.host.Release()
	}
}
