package sim

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/daemon"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/jepsen/sim/disk"
	"github.com/limitd/limitd/jepsen/sim/network"
	"github.com/limitd/limitd/jepsen/sim/rumour"
)

// process is one start of limitd on a machine, by the wiring of main.
//
// A process cannot be killed inside another one. When it dies, its network is
// dead at once, and what it writes from then on goes to a copy of its disk: it
// may go on for a while, and nobody can tell. It is put away in the background.
type process struct {
	node    *node
	name    string // "n1#2": the second start on n1
	id      string // of the disk that it was started on
	expect  int    // voters that found a cluster with it
	host    *network.Host
	session *disk.Session
	rand    io.Reader

	mu     sync.Mutex
	voice  *rumour.Voice  // guarded by mu
	daemon *daemon.Daemon // once started; guarded by mu
	dead   bool           // guarded by mu
}

func newProcess(n *node, chance io.Reader) *process {
	p := &process{node: n, id: n.id, expect: n.expectLocked(), name: fmt.Sprintf("%s#%d", n.name, n.starts), host: n.cluster.net.Host(n.name), rand: &locked{from: chance}}
	p.session = n.disk.Open(func() disk.Birth {
		return disk.Birth{Process: p.name, At: time.Now(), Mono: n.clock.Monotonic()}
	})
	n.cluster.applied.Began(p.name, n.clock.Monotonic())
	return p
}

// locked lets several goroutines read one source.
type locked struct {
	mu   sync.Mutex
	from io.Reader
}

// Read fills p.
func (l *locked) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.from.Read(p)
}

// run starts the daemon.
func (p *process) run() {
	d, err := daemon.Start(context.Background(), p.node.cluster.plan.config(p.node.name, p.expect), daemon.Deps{
		Logger: p.node.cluster.logger(p.node.name), Version: "sim", Fatal: p.fatal, Machine: p.machine(),
	})
	p.mu.Lock()
	p.daemon = d
	dead := p.dead
	p.mu.Unlock()
	switch {
	case dead && d != nil:
		_ = d.Close(over())
	case err != nil && !dead:
		p.node.failed(p, err)
	}
}

// over returns a context that has ended.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (p *process) machine() daemon.Machine {
	n, c := p.node, p.node.cluster
	return daemon.Machine{
		Listen: p.host.Listen,
		Dial:   p.host.Dial,
		Stores: func() (*store.Stores, error) { return p.session.Stores(p.id) },
		Gossip: p.join,
		Transport: func(id raft.ServerID, at raft.ServerAddress) raft.Transport {
			return p.host.Transport(id, at)
		},
		Clock: n.clock,
		Rand:  p.rand,
		Tune: func(cfg *cluster.Config) {
			cfg.Raft.MaxAppend = c.plan.MaxAppend
			cfg.Applied = p.applied
		},
	}
}

func (p *process) join(id string) (daemon.Gossip, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.voice = p.node.cluster.rumour.Join(id, p.node.name, p.node.name+":7482")
	if p.dead {
		p.voice.Die()
	}
	return p.voice, nil
}

// applied hears what this process applies.
func (p *process) applied(events []fsm.Event) {
	if !p.isDead() {
		p.node.cluster.applied.Note(p.name, p.node.clock.Monotonic(), events)
	}
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// fatal ends the process from inside. It does not return, as its real
// counterpart does not.
func (p *process) fatal(err error) {
	if !p.isDead() {
		p.node.failed(p, err)
	}
	runtime.Goexit()
}

// die ends the process at once.
func (p *process) die() {
	p.mu.Lock()
	dead, d, v := p.dead, p.daemon, p.voice
	p.dead = true
	p.mu.Unlock()
	if dead {
		return
	}
	p.session.Crash()
	p.host.Kill()
	if v != nil {
		v.Die()
	}
	if d != nil {
		p.node.cluster.tasks.Go(func() { _ = d.Close(over()) })
	}
}

// drainTime is how long a stopping node lets open calls end: as main has it.
const drainTime = 10 * time.Second

// stop ends the process as SIGTERM does, and returns when it has ended.
func (p *process) stop() {
	p.mu.Lock()
	d, dead := p.daemon, p.dead
	p.mu.Unlock()
	if dead || d == nil {
		p.die() // still starting: the signal kills it
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	_ = d.Close(ctx)
	p.mu.Lock()
	died := p.dead
	p.dead = true
	p.mu.Unlock()
	if !died {
		p.session.Close()
		p.host.Kill()
	}
}
