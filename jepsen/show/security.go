package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// dressSecurity makes an authority, certificates and keys, and a configuration
// that uses them all.
func dressSecurity(s *stage, cfg *nodes.Config) error {
	v := vault{s}
	ctx := context.Background()
	for _, args := range [][]string{{"tls", "ca", "create", "--dir", v.dir("ca")}, {"keygen", v.file("gossip.keys")}} {
		if _, err := s.command(ctx, args...); err != nil {
			return err
		}
	}
	if err := v.issueAll(ctx, "ca"); err != nil {
		return err
	}
	if err := errors.Join(v.handAll("ca.pem", v.file("ca/ca.pem")), v.handAll("gossip.keys", v.file("gossip.keys"))); err != nil {
		return err
	}
	files := v.clientFiles()
	s.env = []string{"LIMITD_CACERT=" + files.CACert, "LIMITD_CLIENT_CERT=" + files.ClientCert, "LIMITD_CLIENT_KEY=" + files.ClientKey}
	shown, err := newCredentials(files)
	if err != nil {
		return err
	}
	s.credentials = shown
	cfg.Transport, cfg.Scheme = shown, "https"
	cfg.Extra += "acl { enabled = true }\nlog { level = \"trace\" }\n"
	cfg.Each = func(name string) string {
		if !slices.Contains(everybody(), name) {
			return "" // a stranger brings its own
		}
		return v.trustOf(name) + fmt.Sprintf("audit { path = %q }\n", v.file(name+".audit"))
	}
	return nil
}

// everybody is who has files: the nodes, and the operator as a client.
func everybody() []string { return []string{"n1", "n2", "n3", "ops"} }

// vault is the folder of certificates and keys. The nodes and the client have
// one each in it.
type vault struct{ *stage }

func (v vault) file(name string) string { return filepath.Join(v.stage.dir, name) }

func (v vault) dir(name string) string {
	path := v.file(name)
	_ = os.MkdirAll(path, 0o700) // what is made in it tells
	return path
}

// clientFiles are what the operator shows.
func (v vault) clientFiles() client.Config {
	return client.Config{CACert: v.file("ops-trust/ca.pem"), ClientCert: v.file("ops-trust/ops.pem"), ClientKey: v.file("ops-trust/ops-key.pem")}
}

// trustOf is the HCL that has a node use its files.
func (v vault) trustOf(name string) string {
	dir := v.file(name + "-trust")
	return fmt.Sprintf(`tls {
  ca_file       = "%[1]s/ca.pem"
  cert_file     = "%[1]s/%[2]s.pem"
  key_file      = "%[1]s/%[2]s-key.pem"
  verify_client = "required"
}
gossip { key_file = "%[1]s/gossip.keys" }
`, dir, name)
}

// issueAll makes a certificate for everybody, by the authority in a folder.
func (v vault) issueAll(ctx context.Context, authority string) error {
	for _, who := range everybody() {
		kind := []string{"server", "--host", "127.0.0.1"}
		if who == "ops" {
			kind = []string{"cli"}
		}
		if err := v.issue(ctx, authority, who, kind...); err != nil {
			return err
		}
	}
	return nil
}

func (v vault) issue(ctx context.Context, authority, who string, kind ...string) error {
	args := append([]string{"tls", "cert", "create"}, kind...)
	args = append(args, "--name", who, "--ca", v.file(authority+"/ca.pem"), "--ca-key", v.file(authority+"/ca-key.pem"), "--dir", v.dir(who+"-trust"), "--force")
	_, err := v.command(ctx, args...)
	return err
}

// hand puts the joined contents of files under a name into somebody's folder, in
// one step.
func (v vault) hand(who, name string, files ...string) error {
	var content []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		content = append(content, b...)
	}
	path := filepath.Join(v.dir(who+"-trust"), name)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// handAll hands the same to everybody.
func (v vault) handAll(name string, files ...string) error {
	for _, who := range everybody() {
		if err := v.hand(who, name, files...); err != nil {
			return err
		}
	}
	return nil
}

// security plays all that keeps strangers out, from the first token to the
// search for secrets that were told.
func security(ctx context.Context, s *stage) error {
	g := &guarded{stage: s, vault: vault{s}, first: s.cluster.Nodes()[0], secrets: map[string]string{}}
	s.env = append(s.env, "LIMITD_ADDR="+g.first.URL())
	steps := []func(context.Context) error{g.openToAll, g.begin, g.routes, g.prefixes, g.expiry, g.strangers, g.rotateAll, g.leaveAndReturn, g.silence}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return atRest(ctx, s.cluster, "probe")
}

// guarded is a cluster that asks everybody who they are.
type guarded struct {
	*stage
	vault   vault
	first   *nodes.Node
	secrets map[string]string // by the token's name
}

// openToAll tries to start a node beyond loopback that encrypts nothing and asks
// nobody: it refuses, and names the lines to write.
func (g *guarded) openToAll(ctx context.Context) error {
	file := g.vault.file("open.hcl")
	text := fmt.Sprintf("name = \"open\"\ndata_dir = %q\n", g.vault.file("open"))
	for _, part := range []string{"http", "peer", "gossip"} {
		text += fmt.Sprintf("%s {\n  address = \"0.0.0.0:0\"\n  advertise = \"192.0.2.1:7480\"\n}\n", part)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	said, err := g.command(ctx, "agent", "-config", file)
	if err == nil {
		return errors.New("a node started beyond loopback without TLS and tokens")
	}
	for _, line := range []string{"tls {", "acl { enabled = true }", "key_file", "allow_insecure = true"} {
		if !strings.Contains(said, line) {
			return fmt.Errorf("beyond loopback the node does not name %q: %s", line, said)
		}
	}
	fmt.Println("   beyond loopback without TLS, gossip keys and tokens a node refuses to start, and names the lines to write")
	return nil
}

// begin makes the first token, and one for each verb.
func (g *guarded) begin(ctx context.Context) error {
	for _, n := range g.cluster.Nodes() {
		if err := joined(ctx, n); err != nil {
			return err
		}
	}
	if err := g.secret(ctx, "bootstrap", "acl", "bootstrap"); err != nil {
		return err
	}
	if said, err := g.command(ctx, "acl", "bootstrap"); err == nil {
		return fmt.Errorf("a second first token was made: %s", said)
	}
	g.credentials.use(g.secrets["bootstrap"])
	g.env = append(g.env, "LIMITD_TOKEN="+g.secrets["bootstrap"])
	for _, verb := range verbs() {
		if err := g.token(ctx, verb, verb); err != nil {
			return err
		}
	}
	if _, err := g.command(ctx, "acl", "policy", "set", "workers", "--allow", "acquire:db*"); err != nil {
		return err
	}
	for name, policy := range map[string]string{"etl": "workers", "spare": "read"} {
		if err := g.token(ctx, name, policy); err != nil {
			return err
		}
	}
	for _, name := range []string{"probe", "db", "api"} {
		if err := putLimit(ctx, g.first, name, wire.LimitRequest{Slots: 1000}); err != nil {
			return err
		}
	}
	for _, secret := range g.secrets {
		if err := g.accepted(ctx, secret); err != nil {
			return err
		}
	}
	return nil
}

// verbs in rising order.
func verbs() []string { return []string{"read", "acquire", "manage", "operator"} }

// token makes a token, whose secret no command line shows.
func (g *guarded) token(ctx context.Context, name, policy string, more ...string) error {
	return g.secret(ctx, name, append([]string{"acl", "token", "create", name, "--policy", policy}, more...)...)
}

// secret gives a command that makes a secret, and keeps that under a name.
func (g *guarded) secret(ctx context.Context, name string, args ...string) error {
	file := g.vault.file(name + ".token")
	if _, err := g.command(ctx, append(args, "--to", file)...); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	g.secrets[name] = strings.TrimSpace(string(text))
	return nil
}

// prefixes tries a token that may acquire what begins with db, and nothing else.
func (g *guarded) prefixes(ctx context.Context) error {
	etl := as(ctx, g.secrets["etl"])
	for i, n := range g.cluster.Nodes() {
		if err := pairOf(etl, n, "db", fmt.Sprint("etl-", i)); err != nil {
			return err
		}
		for _, limits := range [][]wire.Entry{{{Name: "api", Slots: 1}}, {{Name: "db", Slots: 1}, {Name: "api", Slots: 1}}} {
			a, err := n.Call(etl, http.MethodPost, "/v1/acquire", wire.AcquireRequest{Limits: limits})
			if err != nil || a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), `\"api\"`) {
				return fmt.Errorf("etl, which may acquire db*, acquires %v: %d %s %w", limits, a.Status, a.Body, err)
			}
		}
	}
	return nil
}

// expiry: a token ends by its time; one that is rotated is good under both
// secrets for as long as was said, and under the new one after.
func (g *guarded) expiry(ctx context.Context) error {
	if err := g.token(ctx, "short", "read", "--ttl", "2s"); err != nil {
		return err
	}
	began := time.Now()
	if err := soon(ctx, func() error { return g.refused(ctx, "short", "expired") }); err != nil {
		return err
	}
	lived := time.Since(began)
	old := g.secrets["spare"]
	if err := g.secret(ctx, "spare-2", "acl", "token", "rotate", "spare", "--keep", "1h"); err != nil {
		return err
	}
	for _, secret := range []string{old, g.secrets["spare-2"]} {
		if err := g.accepted(ctx, secret); err != nil {
			return err
		}
	}
	if err := g.secret(ctx, "spare-3", "acl", "token", "rotate", "spare"); err != nil {
		return err
	}
	for _, name := range []string{"spare", "spare-2"} {
		if err := soon(ctx, func() error { return g.refused(ctx, name, "no token has this secret") }); err != nil {
			return err
		}
	}
	fmt.Printf("   a token of 2s was refused after %s; a rotated one good under both secrets for --keep, then under the new one alone\n", round(lived))
	return g.accepted(ctx, g.secrets["spare-3"])
}

// accepted waits until every node takes a secret: each does once it has applied
// the record.
func (g *guarded) accepted(ctx context.Context, secret string) error {
	for _, n := range g.cluster.Nodes() {
		err := soon(ctx, func() error {
			_, err := n.Must(as(ctx, secret), http.MethodGet, "/v1/acl/self", nil, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refused checks that no node takes a token's secret, and that each says why.
func (g *guarded) refused(ctx context.Context, name, why string) error {
	for _, n := range g.cluster.Nodes() {
		a, err := n.Call(as(ctx, g.secrets[name]), http.MethodGet, "/v1/acl/self", nil)
		if err != nil || a.Status != http.StatusUnauthorized || !strings.Contains(string(a.Body), why) {
			return fmt.Errorf("%s was asked by the token %s: %d %s %w", n.Name, name, a.Status, a.Body, err)
		}
	}
	return nil
}

// leaveAndReturn tries the one route that takes the node away which answers it, and
// has the node come back.
func (g *guarded) leaveAndReturn(ctx context.Context) error {
	n3 := g.cluster.Nodes()[2]
	const leave = "/v1/cluster/leave"
	for _, verb := range append([]string{""}, verbs()...) {
		a, err := n3.Call(as(ctx, g.secrets[verb]), http.MethodPost, leave, nil)
		if err != nil {
			return err
		}
		if want := g.wanted(verb, "operator", http.StatusNoContent); a.Status != want {
			return fmt.Errorf("POST %s answers %d to who has %q, not %d: %s", leave, a.Status, verb, want, a.Body)
		}
	}
	if err := g.cluster.Stop(n3); err != nil {
		return err
	}
	if err := g.cluster.Restart(n3); err != nil {
		return err
	}
	if err := joined(ctx, n3); err != nil {
		return err
	}
	three := &grower{cluster: g.cluster, first: g.first}
	return three.members(ctx, 3)
}

// wanted returns the status that a caller with a verb gets where another is needed.
func (g *guarded) wanted(has, needs string, right int) int {
	order := append([]string{""}, verbs()...)
	switch {
	case slices.Index(order, has) >= slices.Index(order, needs):
		return right
	case has == "":
		return http.StatusUnauthorized
	}
	return http.StatusForbidden
}
