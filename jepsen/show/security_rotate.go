package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
)

// What a node says in its log when it has read its files again.
const (
	newCerts = "new certificates are in force"
	newKeys  = "new gossip keys are in force"
	badFiles = "new certificates or keys cannot be used"
)

// rotateAll changes certificates, the authority and the gossip key while callers
// are at work at all nodes, each of whose calls is a new connection. None fails,
// and a holder keeps its lease.
func (g *guarded) rotateAll(ctx context.Context) error {
	files := g.vault.clientFiles()
	files.Addresses, files.Token = g.cluster.URLs(), g.secrets["acquire"]
	library, err := client.New(files)
	if err != nil {
		return err
	}
	defer func() { _ = library.Close() }()
	lease, err := library.Acquire(ctx, client.Request{Limits: client.Slots{"db": 1}})
	if err != nil {
		return err
	}
	calls := newLoad(ctx)
	for _, n := range g.cluster.Nodes() {
		calls.at(n)
	}
	for _, step := range []func(context.Context) error{g.renewCertificates, g.breakFile, g.changeAuthority, g.changeGossipKey} {
		if err = step(ctx); err != nil {
			break
		}
	}
	if err == nil {
		err = g.startAnew(ctx, calls)
	}
	if failed := calls.end(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if err := lease.Renew(ctx); err != nil {
		return fmt.Errorf("a holder lost its lease meanwhile: %w", err)
	}
	return lease.Release(ctx)
}

// reload changes files, tells all nodes to read them, and waits until each has said
// so; it may have read them by itself before.
func (g *guarded) reload(ctx context.Context, saying string, change func() error) error {
	before := map[*nodes.Node]int{}
	for _, n := range g.cluster.Nodes() {
		before[n] = said(n, saying)
	}
	if err := change(); err != nil {
		return err
	}
	for _, n := range g.cluster.Nodes() {
		if err := g.cluster.Signal(n, syscall.SIGHUP); err != nil {
			return err
		}
	}
	for _, n := range g.cluster.Nodes() {
		err := soon(ctx, func() error {
			if said(n, saying) == before[n] {
				return fmt.Errorf("%s was told to reload, and does not say %q", n.Name, saying)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return g.credentials.reload()
}

// said counts the lines of a node's log that have a text.
func said(n *nodes.Node, text string) int {
	b, _ := os.ReadFile(n.Log()) // a node that has none has said nothing
	return strings.Count(string(b), text)
}

func (g *guarded) renewCertificates(ctx context.Context) error {
	return g.reload(ctx, newCerts, func() error { return g.vault.issueAll(ctx, "ca") })
}

// breakFile spoils a certificate: the old one stays in force, and the node tells.
func (g *guarded) breakFile(ctx context.Context) error {
	err := g.reload(ctx, badFiles, func() (err error) {
		for _, who := range []string{"n1", "n2", "n3"} {
			err = errors.Join(err, os.WriteFile(g.vault.file(who+"-trust/"+who+".pem"), []byte("-----BEGIN CERT"), 0o600))
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, n := range g.cluster.Nodes() {
		a, err := n.Must(ctx, http.MethodGet, "/metrics", nil, nil)
		if err != nil {
			return err
		}
		if !strings.Contains(string(a.Body), "\nlimitd_certificate_reload_failing 1\n") {
			return fmt.Errorf("limitd_certificate_reload_failing of %s is not 1 over a broken file", n.Name)
		}
	}
	fmt.Println("   a broken file leaves the certificate of before in force; log and metric tell")
	return g.renewCertificates(ctx)
}

// changeAuthority goes through the three steps of the runbook.
func (g *guarded) changeAuthority(ctx context.Context) error {
	if _, err := g.command(ctx, "tls", "ca", "create", "--dir", g.vault.dir("ca2")); err != nil {
		return err
	}
	first, second := g.vault.file("ca/ca.pem"), g.vault.file("ca2/ca.pem")
	if err := g.authorities(ctx, first, second); err != nil {
		return err
	}
	if err := g.reload(ctx, newCerts, func() error { return g.vault.issueAll(ctx, "ca2") }); err != nil {
		return err
	}
	if err := g.authorities(ctx, second); err != nil {
		return err
	}
	fmt.Println("   certificates renewed, and the authority changed in three steps")
	return nil
}

// authorities has everybody believe these.
func (g *guarded) authorities(ctx context.Context, files ...string) error {
	return g.reload(ctx, newCerts, func() error { return g.vault.handAll("ca.pem", files...) })
}

// changeGossipKey goes through the three steps of the runbook.
func (g *guarded) changeGossipKey(ctx context.Context) error {
	first, second := g.vault.file("gossip.keys"), g.vault.file("gossip-2.keys")
	if _, err := g.command(ctx, "keygen", second); err != nil {
		return err
	}
	for _, files := range [][]string{{first, second}, {second, first}, {second}} {
		if err := g.reload(ctx, newKeys, func() error { return g.vault.handAll("gossip.keys", files...) }); err != nil {
			return err
		}
	}
	fmt.Println("   the gossip key changed in three steps")
	return nil
}

// startAnew starts a node again that has the new files alone, and has the
// leadership go around: every stream between the nodes is a new one.
func (g *guarded) startAnew(ctx context.Context, calls *load) error {
	n3 := g.cluster.Nodes()[2]
	calls.off(n3)
	if err := g.cluster.Stop(n3); err != nil {
		return err
	}
	if err := g.cluster.Restart(n3); err != nil {
		return err
	}
	if err := joined(ctx, n3); err != nil {
		return err
	}
	calls.at(n3)
	for range 2 {
		err := soon(ctx, func() error {
			_, err := g.first.Must(ctx, http.MethodPost, "/v1/cluster/transfer", nil, nil)
			return err
		})
		if err != nil {
			return err
		}
		if !wait(ctx, g.last(lookAround)) {
			return ctx.Err()
		}
	}
	return soon(ctx, func() error {
		alive := 0
		for _, n := range g.cluster.Nodes() {
			if a, err := n.Must(ctx, http.MethodGet, "/metrics", nil, nil); err == nil && strings.Contains(string(a.Body), "\nlimitd_cluster_alive 3\n") {
				alive++
			}
		}
		if alive < 3 {
			return errors.New("the nodes do not hear each other by gossip under the new key")
		}
		return nil
	})
}
