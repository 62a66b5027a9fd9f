package daemon

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster/gossip"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/cert"
	"github.com/prometheus/client_golang/prometheus"
)

// vault is the folder of an authority, and of the certificates and keys of
// nodes, which all have the same.
type vault struct {
	t         *testing.T
	dir       string
	authority *cert.Authority
	ca        []byte
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{t: t, dir: t.TempDir()}
	v.renew()
	v.issue()
	v.write("gossip.keys", []byte(gossip.NewKey()))
	return v
}

func (v *vault) file(name string) string { return filepath.Join(v.dir, name) }

func (v *vault) write(name string, text []byte) {
	v.t.Helper()
	if err := os.WriteFile(v.file(name), text, 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// renew makes an authority that is believed beside the ones of before.
func (v *vault) renew() {
	v.t.Helper()
	a, pair, err := cert.NewAuthority("test", 2*time.Hour)
	if err != nil {
		v.t.Fatal(err)
	}
	v.authority, v.ca = a, append(v.ca, pair.Cert...)
	v.write("ca.pem", v.ca)
}

// issue makes another certificate for the nodes.
func (v *vault) issue() {
	v.t.Helper()
	pair, err := v.authority.Issue(cert.Request{Kind: cert.Server, Name: "n", Life: time.Hour})
	if err != nil {
		v.t.Fatal(err)
	}
	v.write("node.pem", append(pair.Cert, pair.Key...))
}

// node is the configuration of a node of three.
func (v *vault) node(name string, join ...string) config.Config {
	c := testConfig()
	c.Name, c.Cluster.BootstrapExpect, c.Cluster.RetryJoin = name, 3, join
	c.Raft.HeartbeatTimeout, c.Raft.ElectionTimeout, c.Raft.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 300*time.Millisecond
	c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile = v.file("ca.pem"), v.file("node.pem"), v.file("node.pem")
	c.Gossip.KeyFile = v.file("gossip.keys")
	return c
}

// client returns a client that believes the authorities of now, and the
// certificates that it has seen.
func (v *vault) client() (*http.Client, *[]*x509.Certificate) {
	seen := &[]*x509.Certificate{}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(v.ca)
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: roots,
		VerifyConnection: func(s tls.ConnectionState) error {
			*seen = append(*seen, s.PeerCertificates[0])
			return nil
		},
	}}
	v.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, seen
}

// journal is a log that is read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), what)
}

// TestThreeNodesUnderTLS forms a cluster whose traffic is all encrypted, and
// renews its authority, certificates and keys while it works.
func TestThreeNodesUnderTLS(t *testing.T) {
	v := newVault(t)
	log := &journal{}
	var nodes []*Daemon
	var join []string
	for _, name := range []string{"n1", "n2", "n3"} {
		deps := testDeps(t)
		deps.Logger = hclog.New(&hclog.LoggerOptions{Output: log})
		deps.Registry = prometheus.NewRegistry()
		node, err := Start(t.Context(), v.node(name, join...), deps)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = node.Close(context.Background()) })
		nodes, join = append(nodes, node), append(join, node.GossipAddress())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, node := range nodes {
		if err := node.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	works := func(step string) {
		t.Helper()
		client, _ := v.client()
		for _, node := range nodes {
			r, err := http.NewRequestWithContext(ctx, http.MethodPut, node.URL()+"/v1/limits/db", strings.NewReader(`{"slots":1}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			answer, err := client.Do(r)
			if err != nil {
				t.Fatalf("%s: %v", step, err)
			}
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode/100 != 2 {
				t.Errorf("%s, through %s: %d %s", step, node.Name(), answer.StatusCode, text)
			}
		}
	}
	works("at first")

	if status, body := send(t, nodes[0], http.MethodGet, "/v1/limits", ""); status != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("http at a node of https: %d %s", status, body)
	}

	v.write("node.pem", []byte("nonsense"))
	nodes[0].Reload()
	works("with a broken file")
	if log.count("those of before stay in force") == 0 || !nodes[0].trust.failing.Load() {
		t.Error("nobody was told of the broken file")
	}

	v.issue()
	v.renew()
	first, err := os.ReadFile(v.file("gossip.keys"))
	if err != nil {
		t.Fatal(err)
	}
	v.write("gossip.keys", []byte(string(first)+"\n"+gossip.NewKey()))
	for step, next := range []func(){func() {}, v.issue} {
		next()
		for _, node := range nodes {
			node.Reload()
			works(fmt.Sprintf("step %d of the change, after %s", step, node.Name()))
		}
	}
	if log.count("new certificates are in force") < 6 || log.count("new gossip keys are in force") != 3 || nodes[0].trust.failing.Load() {
		t.Error("not all nodes took the new certificates and keys")
	}
	client, seen := v.client()
	answer, err := client.Get(nodes[2].URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), `limitd_certificate_not_after_seconds{of="own"}`) {
		t.Errorf("metrics: %v %s", err, text)
	}
	leaf, err := tls.LoadX509KeyPair(v.file("node.pem"), v.file("node.pem"))
	if err != nil || !(*seen)[0].Equal(leaf.Leaf) {
		t.Errorf("the node shows another certificate than the new one: %v", err)
	}
}

// TestFilesAreReadBeforeAnythingListens names what is wrong.
func TestFilesAreReadBeforeAnythingListens(t *testing.T) {
	for name, spoil := range map[string]string{"certificates": "node.pem", "authorities": "ca.pem", "gossip keys": "gossip.keys"} {
		v := newVault(t)
		v.write(spoil, []byte("nonsense"))
		if _, err := Start(t.Context(), v.node("n1"), testDeps(t)); err == nil || !strings.Contains(err.Error(), spoil) || strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
