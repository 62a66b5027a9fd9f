// Package clienttest is a limitd cluster in memory, for tests of programs that
// use package client. It needs no process, no port and no disk: the state
// machine and the HTTP API are those of limitd itself, the network between them
// and the client is a function call.
//
// It is made for the bubbles of testing/synctest, in which time is fake and
// passes while everybody waits, so that leases are kept, expire and decay as
// they do in life, at once:
//
//	func TestExport(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			kit := clienttest.New(t)
//			kit.SetLimit("db", client.LimitSettings{Slots: 1})
//			c := kit.Client()
//			...
//			time.Sleep(time.Hour) // the lease is renewed 180 times
//			kit.Disconnect()
//			time.Sleep(time.Minute)
//			// now it is lost: has the export stopped?
//		})
//	}
//
// Outside of a bubble time passes by itself, and Advance skips some.
package clienttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
)

// Kit is a cluster of one node with its network. It is safe for concurrent use.
type Kit struct {
	t    testing.TB // nil: none
	node *node
	net  *network

	mu      sync.Mutex
	clients []*client.Client // guarded by mu; to be closed
}

// New returns a cluster without limits, which ends with the test.
func New(t testing.TB) *Kit {
	t.Helper()
	k := start(t, t.Output())
	t.Cleanup(k.Close)
	return k
}

// Start returns a cluster without limits that belongs to no test, for examples
// and TestMain. What fails panics. Close ends it.
func Start() *Kit { return start(nil, io.Discard) }

func start(t testing.TB, log io.Writer) *Kit {
	n := newNode()
	api, err := newAPI(n, log)
	k := &Kit{t: t, node: n, net: newNetwork(api)}
	k.must("start", err)
	return k
}

// must fails the test where err is set.
func (k *Kit) must(do string, err error) {
	if err == nil {
		return
	}
	if k.t == nil {
		panic(fmt.Sprintf("clienttest: %s: %v", do, err))
	}
	k.t.Helper()
	k.t.Fatalf("clienttest: %s: %v", do, err)
}

// Close ends the cluster, and closes the clients that Client returned. New has
// the test do so. It may be called twice.
func (k *Kit) Close() {
	k.mu.Lock()
	clients := k.clients
	k.clients = nil
	k.mu.Unlock()
	for _, c := range clients {
		_ = c.Close()
	}
	k.node.close()
}

// Client returns a client of the cluster: a program of its own, with leases of
// its own. It is closed with the kit.
func (k *Kit) Client() *client.Client {
	c, err := client.New(k.Config())
	k.must("make a client", err)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clients = append(k.clients, c)
	return c
}

// Config is what Client gives to client.New, for programs that make their client
// themselves. Whoever does must close it before the test ends.
func (k *Kit) Config() client.Config {
	return client.Config{
		Addresses: []string{"http://limitd.test"},
		Transport: k.net,
		Clocks: func() client.Clocks {
			now := k.node.uptime()
			return client.Clocks{now, now}
		},
	}
}

// Handler is the cluster's HTTP API, for a program that needs an address, or is
// not written in Go: httptest.NewServer(kit.Handler()). Disconnect does not
// concern those who come that way.
func (k *Kit) Handler() http.Handler { return k.net.api }

// SetLimit makes a limit, or changes it to these settings.
func (k *Kit) SetLimit(name string, s client.LimitSettings) {
	c, err := client.New(k.Config())
	k.must("make a client", err)
	defer func() { _ = c.Close() }()
	_, err = c.PutLimit(context.Background(), name, s)
	k.must("set a limit", err)
}

// Advance moves all clocks on by d at once, as if all machines had slept. Slots decay, leases end, and waits run out in the
// cluster; the client's leases that cannot be trusted any more are lost, as
// Lease.Err tells at once, and Done of their contexts within a tenth of a
// second. To let time pass for the client, too, so that it renews its leases,
// sleep in a bubble.
func (k *Kit) Advance(d time.Duration) { k.node.advance(d) }

// Disconnect cuts the kit's clients off: requests that are under way end, and
// others fail, until Reconnect. The cluster goes on.
func (k *Kit) Disconnect() { k.net.setDown(true) }

// Reconnect ends what Disconnect began.
func (k *Kit) Reconnect() { k.net.setDown(false) }
