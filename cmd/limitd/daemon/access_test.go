package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/auth"
)

// What an operator has written down is good once, for who knows the secret.
func TestResetIsForOneSecretOnce(t *testing.T) {
	dir := t.TempDir()
	d := &Daemon{cfg: config.Config{DataDir: dir}, log: hclog.NewNullLogger()}
	own, other := auth.Hash("own"), auth.Hash("other")
	if d.mayReset(own) {
		t.Error("nobody has asked")
	}
	if err := AskReset(dir, own); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if d.mayReset(other) {
			t.Error("who guesses is believed")
		}
	}
	if !d.mayReset(own) || d.mayReset(own) {
		t.Error("it is not good for one try")
	}
	if err := os.WriteFile(filepath.Join(dir, resetFile), []byte("812\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.mayReset(own) || d.mayReset([32]byte{}) {
		t.Error("a number is believed")
	}
	if (&Daemon{}).mayReset(own) {
		t.Error("a node without a folder has been asked")
	}
}
