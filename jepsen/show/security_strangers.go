package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// lookAround is how long a stranger is given to do what it must not.
const lookAround = 5 * time.Second

// strangers come to every port with less than it takes.
func (g *guarded) strangers(ctx context.Context) error {
	for _, n := range g.cluster.Nodes() {
		if err := g.knock(ctx, n); err != nil {
			return err
		}
	}
	fmt.Println("   http, https without a certificate, and the peer port without a node's certificate: refused, and said so")
	return g.intruders(ctx)
}

// knock calls a node's ports in the ways that must not work.
func (g *guarded) knock(ctx context.Context, n *nodes.Node) error {
	plain, err := http.Get("http://" + n.HTTP + "/v1/limits")
	if err != nil {
		return err
	}
	_ = plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("%s answers http by %s", n.Name, plain.Status)
	}
	believing := g.credentials.config.Load().Clone()
	believing.Certificates = nil
	anonymous := http.Client{Transport: &http.Transport{TLSClientConfig: believing, DisableKeepAlives: true}}
	if a, err := anonymous.Get(n.URL() + "/v1/limits"); err == nil {
		return errors.Join(fmt.Errorf("%s answers https without a client's certificate: %s", n.Name, a.Status), a.Body.Close())
	}
	member := g.credentials.config.Load().Clone()
	member.ServerName = "server.limitd"
	for what, config := range map[string]*tls.Config{"plain text": nil, "no certificate": believing, "the certificate of a client": member} {
		if err := silentPeer(ctx, n, config); err != nil {
			return fmt.Errorf("the peer port of %s and %s: %w", n.Name, what, err)
		}
	}
	return soon(ctx, func() error {
		if said(n, "refused a connection of somebody who has not shown to be a node") == 0 {
			return fmt.Errorf("%s does not say that it refused a stranger", n.Name)
		}
		return nil
	})
}

// silentPeer calls the port for nodes, and checks that it hangs up without a word.
func silentPeer(ctx context.Context, n *nodes.Node, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", n.Peer)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if config != nil {
		config = config.Clone()
		config.ServerName = "server.limitd"
		secure := tls.Client(conn, config)
		if secure.HandshakeContext(ctx) != nil {
			return nil // refused at once
		}
		conn = secure
	}
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) // the read tells
	answer := make([]byte, 64)
	count, err := conn.Read(answer)
	var timeout net.Error
	switch {
	case config == nil && count > 0 && answer[0] == alertRecord:
		return nil // TLS' way to hang up
	case count > 0:
		return fmt.Errorf("it answered %q", answer[:count])
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("it does not hang up")
	}
	return nil
}

// alertRecord is the first byte of what a TLS server says when it gives up.
const alertRecord = 21

// intruders are whole nodes: one without TLS and gossip key, and one that knows
// the key, and has certificates of an authority of its own.
func (g *guarded) intruders(ctx context.Context) error {
	v := g.vault
	if _, err := g.command(ctx, "tls", "ca", "create", "--dir", v.dir("foreign-ca")); err != nil {
		return err
	}
	if err := v.issue(ctx, "foreign-ca", "foreign", "server", "--host", "127.0.0.1"); err != nil {
		return err
	}
	if err := errors.Join(v.hand("foreign", "ca.pem", v.file("foreign-ca/ca.pem")), v.hand("foreign", "gossip.keys", v.file("gossip.keys"))); err != nil {
		return err
	}
	var list []*nodes.Node
	for name, own := range map[string]string{"plain": "", "foreign": v.trustOf("foreign")} {
		n, err := g.cluster.Add(nodes.Member{Name: name, Join: []string{g.first.Gossip}, Extra: own})
		if err != nil {
			return err
		}
		list = append(list, n)
	}
	_ = wait(ctx, max(lookAround/2, g.last(2*lookAround)))
	err := g.outside(ctx)
	for _, n := range list {
		if err == nil && !n.Running() {
			err = fmt.Errorf("the stranger %s did not run", n.Name)
		}
		g.cluster.Kill(n)
		g.cluster.Forget(n)
	}
	if err != nil {
		return err
	}
	return nil
}

// outside checks that no stranger is a member, or has anything of the cluster's,
// and that the one who is heard is told why.
func (g *guarded) outside(ctx context.Context) error {
	var c wire.Cluster
	if _, err := g.first.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c); err != nil {
		return err
	}
	for _, m := range c.Nodes {
		known := slices.Contains([]string{"n1", "n2", "n3"}, m.Name)
		if known != (m.Role == wire.RoleVoter) || !known && m.Name != "foreign" {
			return fmt.Errorf("a stranger is in the cluster, or a node is not: %+v", m)
		}
	}
	var a wire.Autopilot
	if _, err := g.first.Must(ctx, http.MethodGet, "/v1/cluster/autopilot", nil, &a); err != nil {
		return err
	}
	if len(a.Outside) != 1 || a.Outside[0].Reason == "" {
		return fmt.Errorf("of two strangers one is to be outside, with the reason: %+v", a.Outside)
	}
	fmt.Printf("   a node without TLS and key is not heard; one of another authority that knows the key is not taken in: %s\n", a.Outside[0].Reason)
	return nil
}

// silence looks for every secret in what others may read: logs, audit logs, the
// nodes' command lines and data.
func (g *guarded) silence(context.Context) error {
	secrets, err := g.allSecrets()
	if err != nil {
		return err
	}
	var places []string
	for _, n := range g.cluster.Nodes() {
		places = append(places, n.Log(), g.vault.file(n.Name+".audit"), fmt.Sprintf("/proc/%d/cmdline", n.PID()))
		err := filepath.WalkDir(n.Dir(), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && e.Name() != "reserve" {
				places = append(places, path)
			}
			return nil // a file that is gone meanwhile has no secrets
		})
		if err != nil {
			return err
		}
	}
	bytes := 0
	for _, place := range places {
		content, err := os.ReadFile(place)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		bytes += len(content)
		for name, secret := range secrets {
			if strings.Contains(string(content), secret) {
				return fmt.Errorf("%s tells the secret %s", place, name)
			}
		}
	}
	fmt.Printf("   %d secrets looked for in %d files, %d MiB of logs (at level trace), audit logs, command lines and data: none is told\n", len(secrets), len(places), bytes>>20)
	return g.audited()
}

// allSecrets returns tokens, gossip keys and a line of each private key, by where they are from.
func (g *guarded) allSecrets() (map[string]string, error) {
	all := map[string]string{}
	for name, secret := range g.secrets {
		all["token "+name] = strings.TrimPrefix(secret, "limitd_")
	}
	for _, pattern := range []string{"*.keys", "*-trust/*-key.pem", "ca*/*-key.pem"} {
		files, err := filepath.Glob(g.vault.file(pattern))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no file %s (%w)", pattern, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			for i, line := range strings.Fields(string(text)) {
				if len(line) >= 40 { // the others say what it is
					all[fmt.Sprint(f, " ", i)] = line
				}
			}
		}
	}
	return all, nil
}

// audited checks that what was managed was written down, with who did it.
func (g *guarded) audited() error {
	text := ""
	for _, n := range g.cluster.Nodes() {
		b, err := os.ReadFile(g.vault.file(n.Name + ".audit"))
		if err != nil {
			return err
		}
		text += string(b)
	}
	for _, line := range []string{
		`"who":"bootstrap"`, `"path":"/v1/acl/bootstrap","status":201`, `"path":"/v1/limits/db-3","verb":"manage"`, `"code":"permission_denied"`,
		`"method":"PUT","path":"/v1/snapshot","verb":"operator"`,
	} {
		if !strings.Contains(text, line) {
			return fmt.Errorf("the audit logs lack %s", line)
		}
	}
	fmt.Printf("   %d lines of audit name who managed what\n", strings.Count(text, "\n"))
	return nil
}
