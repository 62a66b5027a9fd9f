package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster/gossip"
)

// lines is a log that a node writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestWhatDoesNotFitIsWarnedOf: a setting of another value, in the words of the
// configuration; a policy that does not exist; a secret that everybody can read.
func TestWhatDoesNotFitIsWarnedOf(t *testing.T) {
	key := filepath.Join(t.TempDir(), "gossip.keys")
	if err := os.WriteFile(key, []byte(gossip.NewKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	var log lines
	c := testConfig()
	c.ACL.Enabled, c.ACL.Anonymous, c.Gossip.KeyFile = true, "nosuchpolicy", key
	deps := testDeps(t)
	deps.Logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: &log})
	node := startWith(t, c, deps)
	other := &Daemon{cfg: node.cfg, log: node.log, node: node.node} // as if the cluster had been founded with another one's settings
	other.cfg.Limits.DefaultTTL = 40 * time.Second
	if err := other.compareSettings(t.Context()); err != nil {
		t.Fatal(err)
	}
	wants := []string{"setting=default_ttl cluster=1m configured=40s", "anonymous=nosuchpolicy", "chmod 600: file=" + key}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, want := range wants {
		for !strings.Contains(log.String(), want) && ctx.Err() == nil {
			look, stop := context.WithTimeout(ctx, lookEvery)
			<-look.Done()
			stop()
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

// TestFilesThatAreNotThere are a wrong configuration.
func TestFilesThatAreNotThere(t *testing.T) {
	c := testConfig()
	c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile = "none.pem", "none.pem", "none.pem"
	if _, err := Start(t.Context(), c, testDeps(t)); !errors.Is(err, ErrFiles) {
		t.Errorf("without certificates: %v", err)
	}
	c = testConfig()
	c.Audit.Path = filepath.Join(t.TempDir(), "none", "audit.log")
	if _, err := Start(t.Context(), c, testDeps(t)); !errors.Is(err, ErrFiles) {
		t.Errorf("without a folder for the audit log: %v", err)
	}
}
