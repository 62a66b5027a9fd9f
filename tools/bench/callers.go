package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/tools/bench/lean"
	"github.com/limitd/limitd/tools/bench/load"
	"github.com/limitd/limitd/tools/bench/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// errRefused says that a server answered something else than yes.
var errRefused = errors.New("refused")

// oneByOne acquires a slot and releases it, each by a request of its own: an
// operation is one of the two, and each is one write.
type oneByOne struct {
	address string
	conn    *lean.Conn
	limit   string
	wait    string // how long an acquire may wait, as the API writes it
	id      string // prefix of the acquires' ids
	n       int
	token   []byte // of the slot that is held; empty: none
	body    []byte
}

// newOneByOne returns what opens such callers.
func newOneByOne(address, limit, wait string) func(i int) (load.Caller, error) {
	return func(int) (load.Caller, error) {
		conn, err := lean.Dial(address)
		if err != nil {
			return nil, err
		}
		return &oneByOne{address: address, conn: conn, limit: limit, wait: wait, id: fmt.Sprintf("b%x-", rand.Uint64())}, nil
	}
}

// post sends a request. Where the connection fails, the next one goes over a new one.
func (c *oneByOne) post(path string) (status int, answer []byte, err error) {
	status, answer, err = c.conn.Post(path, c.body)
	if err == nil {
		return status, answer, nil
	}
	if conn, wrong := lean.Dial(c.address); wrong == nil {
		_ = c.conn.Close() // it has failed
		c.conn = conn
	}
	return status, answer, err
}

func (c *oneByOne) Do(context.Context) error {
	if len(c.token) > 0 {
		return c.release()
	}
	c.n++
	c.body = append(c.body[:0], `{"id":"`...)
	c.body = strconv.AppendInt(append(c.body, c.id...), int64(c.n), 10)
	c.body = append(c.body, `","limits":[{"name":"`...)
	c.body = append(c.body, c.limit...)
	c.body = append(c.body, `"}],"ttl":"60s","wait":"`...)
	c.body = append(c.body, c.wait...)
	c.body = append(c.body, `"}`...)
	status, answer, err := c.post("/v1/acquire")
	if err != nil || status != http.StatusOK {
		return errors.Join(err, fmt.Errorf("acquire: %w: %d %s", errRefused, status, answer))
	}
	_, rest, found := bytes.Cut(answer, []byte(`"token":`))
	end := bytes.IndexAny(rest, ",}")
	if !found || end < 1 {
		return fmt.Errorf("acquire: %w: no token in %s", errRefused, answer)
	}
	c.token = append(c.token[:0], rest[:end]...)
	return nil
}

func (c *oneByOne) release() error {
	c.body = append(append(append(c.body[:0], `{"token":`...), c.token...), '}')
	c.token = c.token[:0]
	status, answer, err := c.post("/v1/release")
	if err != nil || status != http.StatusOK || !bytes.Contains(answer, []byte(`"released":true`)) {
		return errors.Join(err, fmt.Errorf("release: %w: %d %s", errRefused, status, answer))
	}
	return nil
}

func (c *oneByOne) Close() error {
	var err error
	if len(c.token) > 0 {
		err = c.release()
	}
	return errors.Join(err, c.conn.Close())
}

// pair makes one operation of two of a caller's: a lock and its unlock.
type pair struct{ load.Caller }

func (p pair) Do(ctx context.Context) error {
	if err := p.Caller.Do(ctx); err != nil {
		return err
	}
	return p.Caller.Do(ctx)
}

// pairs has callers count pairs.
func pairs(open func(int) (load.Caller, error)) func(int) (load.Caller, error) {
	return func(i int) (load.Caller, error) {
		c, err := open(i)
		return pair{c}, err
	}
}

// byClient acquires and releases with the Go client, which all callers share.
type byClient struct {
	shared *sharedClient
	limit  string
	lease  *client.Lease
}

// sharedClient is closed by the last of its callers.
type sharedClient struct {
	*client.Client
	callers atomic.Int64
}

// newByClient returns what opens such callers.
func newByClient(address, limit string) func(i int) (load.Caller, error) {
	var shared *sharedClient
	return func(i int) (load.Caller, error) {
		if i == 0 {
			c, err := client.New(client.Config{Addresses: []string{"http://" + address}})
			if err != nil {
				return nil, err
			}
			shared = &sharedClient{Client: c}
		}
		shared.callers.Add(1)
		return &byClient{shared: shared, limit: limit}, nil
	}
}

func (b *byClient) Do(ctx context.Context) (err error) {
	if b.lease == nil {
		b.lease, err = b.shared.Acquire(ctx, client.Request{Limits: client.Slots{b.limit: 1}, TTL: time.Minute})
		return err
	}
	err = b.lease.Release(ctx)
	b.lease = nil
	return err
}

func (b *byClient) Close() error {
	var err error
	if b.lease != nil {
		err = b.lease.Release(context.Background())
	}
	if b.shared.callers.Add(-1) == 0 {
		err = errors.Join(err, b.shared.Close())
	}
	return err
}

// putter writes one of etcd's keys after the other, chosen by chance.
type putter struct {
	c     *clientv3.Client
	value string
}

// What etcd is given to write: about what an acquire is in limitd's log.
const (
	etcdKeys  = 10_000
	etcdValue = 64 // bytes
)

func newPutter(address string) func(i int) (load.Caller, error) {
	return func(int) (load.Caller, error) {
		c, err := rig.Etcd(address)
		return &putter{c, string(make([]byte, etcdValue))}, err
	}
}

func (p *putter) Do(ctx context.Context) error {
	_, err := p.c.Put(ctx, fmt.Sprintf("bench/%06d", rand.IntN(etcdKeys)), p.value)
	return err
}

func (p *putter) Close() error { return p.c.Close() }

// locker locks and unlocks etcd's concurrency.Mutex: an operation is both.
type locker struct {
	c       *clientv3.Client
	session *concurrency.Session
	names   []string
}

// newLocker returns what opens callers that each lock one of the names, by chance.
func newLocker(address string, names ...string) func(i int) (load.Caller, error) {
	return func(int) (load.Caller, error) {
		c, err := rig.Etcd(address)
		if err != nil {
			return nil, err
		}
		session, err := concurrency.NewSession(c, concurrency.WithTTL(60))
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return &locker{c, session, names}, nil
	}
}

func (l *locker) Do(ctx context.Context) error {
	m := concurrency.NewMutex(l.session, "/lock/"+l.names[rand.IntN(len(l.names))])
	if err := m.Lock(ctx); err != nil {
		return err
	}
	return m.Unlock(ctx)
}

func (l *locker) Close() error { return errors.Join(l.session.Close(), l.c.Close()) }
