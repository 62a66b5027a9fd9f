package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/audit"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/forward"
)

// guard returns what asks callers for their tokens; nil where nothing does.
func (d *Daemon) guard() *auth.Guard {
	if !d.cfg.ACL.Enabled {
		return nil
	}
	return auth.New(auth.Config{Source: authSource{d.replica, d.node}, Anonymous: d.cfg.ACL.Anonymous})
}

// authSource is what this node knows of tokens.
type authSource struct {
	*cluster.Replica
	node *forward.Node
}

// Refresh waits until the state holds all that was answered anywhere before.
func (s authSource) Refresh(ctx context.Context) error { return s.node.Refresh(ctx) }

// resetFile is where an operator who lost the first token shows that the node is
// theirs: who can write into its data folder could read all that it has. It holds
// the SHA-256 of the secret that the token is to have, in hex, so that it serves
// nobody but who knows that secret.
const resetFile = "acl-reset"

// AskReset writes the request into a node's data folder. The first call of
// bootstrap with the secret of that hash which reaches the node is granted it.
func AskReset(dataDir string, hash [32]byte) error {
	path := filepath.Join(dataDir, resetFile)
	// For the node to read, whoever it runs as: a hash is no secret.
	if err := os.WriteFile(path, []byte(hex.EncodeToString(hash[:])+"\n"), 0o644); err != nil {
		return fmt.Errorf("ask the node for the first token: %w", err)
	}
	return nil
}

// WithdrawReset takes a request back that nobody has answered.
func WithdrawReset(dataDir string) error { return os.Remove(filepath.Join(dataDir, resetFile)) }

// mayReset tells whether the data folder asks for the first token to be made again
// under the secret with this hash. It then removes the request, which is good for
// one try; calls with other secrets leave it alone.
func (d *Daemon) mayReset(hash [32]byte) bool {
	if d.cfg.DataDir == "" {
		return false
	}
	path := filepath.Join(d.cfg.DataDir, resetFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err == nil && strings.TrimSpace(string(text)) != hex.EncodeToString(hash[:]) {
		return false
	}
	if err = errors.Join(err, os.Remove(path)); err != nil {
		d.log.Error("the request to make the first token again cannot be heeded: the node must be allowed to read and to remove it", "file", path, "err", err)
		return false
	}
	d.log.Warn("the first token is made again, as its data folder asks", "file", path)
	return true
}

// startWarnings tells of a configuration that does not fit what the cluster has.
func (d *Daemon) startWarnings() {
	d.tasks.Go(func() {
		if d.WaitReady(d.ctx) != nil {
			return
		}
		var tokens, policy bool
		d.replica.View(func(s *limit.State) {
			tokens = s.ACL().Bootstrapped() != 0
			_, policy = s.ACL().Policy(d.cfg.ACL.Anonymous)
		})
		switch {
		case !d.cfg.ACL.Enabled && tokens:
			d.log.Warn("the cluster has tokens, and this node asks nobody for one: it is a way around the others; set acl { enabled = true }")
		case d.cfg.ACL.Enabled && !tokens:
			d.log.Warn("nobody has a token yet, so that nobody may do anything; make the first one: limitd acl bootstrap")
		}
		if d.cfg.ACL.Anonymous != "" && !policy {
			d.log.Warn("the policy of callers without a token does not exist: they may do nothing", "anonymous", d.cfg.ACL.Anonymous)
		}
	})
}

func (d *Daemon) openAudit(context.Context) (err error) {
	if d.cfg.Audit.Path == "" {
		return nil
	}
	d.auditLog, err = audit.Open(d.cfg.Audit.Path, d.log.Named("audit"))
	if err != nil {
		return fmt.Errorf("%w: %w; its folder must exist, and the node must be allowed to write there", ErrFiles, err)
	}
	return nil
}

func (d *Daemon) closeAudit(context.Context) error { return d.auditLog.Close() }

// reopenAudit opens the audit log anew, as after it was renamed. What cannot be opened
// leaves the old file in use, and is logged.
func (d *Daemon) reopenAudit() {
	if err := d.auditLog.Reopen(); err != nil {
		d.log.Error("the audit log stays where it was", "err", err)
	}
}
