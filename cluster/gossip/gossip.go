// Package gossip tells a node which others are there, at which addresses, and
// what they can do. It wraps hashicorp/memberlist, none of whose types leave it.
//
// Gossip informs; it decides nothing: that a node is silent, or was never heard
// of, has no effect on who is a member of the cluster (raft's configuration).
//
//	g, err := gossip.Start(gossip.Config{ID: id, Bind: "127.0.0.1:7482", Join: peers, Logger: log})
//	defer g.Close()
//	for _, m := range g.Members() { ... }
package gossip

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/memberlist"
)

// Config says where to gossip and with whom.
type Config struct {
	ID        string   // the node's UUID
	Bind      string   // host:port to listen on; port 0 picks one
	Advertise string   // host:port for the others; "" is Bind
	Join      []string // host:port or DNS names of others; this node's own may be among them
	Keys      [][]byte // 16, 24 or 32 bytes each; the first encrypts all gossip, any of them decrypts; none: it is plain
	Logger    hclog.Logger
}

// Gossip is one node's part in it.
type Gossip struct {
	cfg  Config
	log  hclog.Logger
	list *memberlist.Memberlist
	ring *ring
	at   string // where this node gossips; memberlist's own record of it must not be read beside its writes

	update func(time.Duration) error // has memberlist tell the tags as they are now

	mu      sync.Mutex
	own     Tags                 // what this node tells
	tags    []byte               // the same, encoded
	known   map[string]*sighting // by id, those that went too
	changed chan struct{}        // closed at the next change

	spoke  chan struct{} // has room for one: this node's tags have changed
	stop   chan struct{}
	once   sync.Once
	tasks  sync.WaitGroup
	closed error
}

// sighting is the last that was heard of a node.
type sighting struct {
	member  Member
	address string // where it gossips
}

// Start listens and looks for the others. Until SetTags is called the others
// see a node that has not spoken, and take no notice of it.
func Start(c Config) (*Gossip, error) { return startAs(c, func(*memberlist.Config) {}) }

// startAs starts with settings of memberlist that differ.
func startAs(c Config, differ func(*memberlist.Config)) (*Gossip, error) {
	g := &Gossip{
		cfg: c, log: c.Logger.Named("gossip"), known: make(map[string]*sighting),
		changed: make(chan struct{}), spoke: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	mc, err := g.memberlistConfig()
	if err != nil {
		return nil, err
	}
	differ(mc)
	if g.tags, err = (Tags{ID: c.ID}).encode(); err != nil {
		return nil, err
	}
	if g.list, err = memberlist.Create(mc); err != nil {
		return nil, fmt.Errorf("start gossip at %s: %w", c.Bind, err)
	}
	g.update = g.list.UpdateNode
	g.at = net.JoinHostPort(mc.BindAddr, strconv.Itoa(mc.BindPort))
	if mc.AdvertiseAddr != "" {
		g.at = net.JoinHostPort(mc.AdvertiseAddr, strconv.Itoa(mc.AdvertisePort))
	}
	g.tasks.Go(g.joinLoop)
	return g, nil
}

func (g *Gossip) memberlistConfig() (*memberlist.Config, error) {
	host, port, err := splitAddress(g.cfg.Bind)
	if err != nil {
		return nil, fmt.Errorf("gossip address: %w", err)
	}
	mc := memberlist.DefaultLANConfig()
	mc.Name, mc.BindAddr, mc.BindPort, mc.AdvertisePort = g.cfg.ID, host, port, port
	if g.cfg.Advertise != "" {
		if mc.AdvertiseAddr, mc.AdvertisePort, err = splitAddress(g.cfg.Advertise); err != nil {
			return nil, fmt.Errorf("advertised gossip address: %w", err)
		}
	}
	if g.ring, err = newRing(g.cfg.Keys); err != nil {
		return nil, err
	}
	mc.Keyring = g.ring.keys
	mc.Logger = g.log.StandardLogger(&hclog.StandardLoggerOptions{InferLevels: true})
	mc.Delegate, mc.Events = teller{g}, listener{g}
	mc.DeadNodeReclaimTime = reclaimAfter
	mc.TCPTimeout = streamTimeout
	mc.MsgpackUseNewTimeFormat = true
	return mc, nil
}

// reclaimAfter is how long a node must have been dead before its id may come
// back from another address.
const reclaimAfter = time.Second

// streamTimeout bounds a call to one other node; Close waits for one at most.
const streamTimeout = 2 * time.Second

func splitAddress(addr string) (string, int, error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no numeric port", addr)
	}
	return host, port, nil
}

// Address returns where this node gossips, as the others reach it.
func (g *Gossip) Address() string { return g.at }

// Members returns every node that was ever heard of and has spoken, by id; this
// node among them.
func (g *Gossip) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	members := make([]Member, 0, len(g.known))
	for _, s := range g.known {
		if s.member.Session != "" {
			members = append(members, s.member)
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.ID, b.ID) })
	return members
}

// Changed returns a function that waits until Members has changed since this call.
func (g *Gossip) Changed() func(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	ch := g.changed
	return func(ctx context.Context) error {
		select {
		case <-ch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// updateTimeout bounds the wait for a change of tags to be sent; it goes on
// being gossiped after that.
const updateTimeout = 200 * time.Millisecond

// tellings is how often SetTags has memberlist take tags. One is lost where just
// then a rumour of this node's death is refuted, as after a quick restart: the
// refutation has the higher incarnation, and the tags of before.
const tellings = 10

// SetTags changes what the others hear of this node. It returns ErrTooLong
// where name and addresses do not fit. Each of the others that are alive is told
// by a call too: a rumour is sent a few times only, and can pass one by for as
// long as half a minute.
func (g *Gossip) SetTags(t Tags) error {
	b, err := t.encode()
	if err != nil {
		return err
	}
	t.ID = g.cfg.ID
	g.mu.Lock()
	g.own, g.tags = t, b
	g.mu.Unlock()
	for range tellings {
		if err := g.update(updateTimeout); err != nil {
			g.log.Debug("a change of tags is on its way still", "err", err)
		}
		if g.told() {
			select {
			case g.spoke <- struct{}{}:
			default: // it is to be told still
			}
			return nil
		}
	}
	g.log.Warn("the others may hear of this node's addresses and version late only")
	return nil
}

// told tells whether memberlist has taken this node's tags.
func (g *Gossip) told() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.known[g.cfg.ID]
	return s != nil && s.member.Tags == g.own
}

// leaveTimeout bounds the word of goodbye.
const leaveTimeout = 500 * time.Millisecond

// Close says goodbye, so that the others need not find out, and stops. The
// node stays a member of the cluster. It may be called twice.
func (g *Gossip) Close() error {
	g.once.Do(func() {
		close(g.stop)
		g.tasks.Wait()
		if err := g.list.Leave(leaveTimeout); err != nil {
			g.log.Debug("goodbye was not heard", "err", err)
		}
		if err := g.list.Shutdown(); err != nil {
			g.closed = fmt.Errorf("stop gossip: %w", err)
		}
	})
	return g.closed
}
