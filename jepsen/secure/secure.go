// Package secure holds what makes a run's cluster one that trusts nobody without
// proof: certificates and gossip keys, which faults replace while the nodes run,
// and the tokens that callers show.
//
//	trust, err := secure.NewTrust(dir, map[string]string{"n1": "10.77.0.1"})
//	nodes.Config{Scheme: "https", GossipKeys: trust.GossipKeys(), Each: trust.HCL, ...}
//	tokens, err := secure.NewTokens(rand.Reader)
//	err = tokens.Open(ctx, send)                       // the first token, policies, a token for each need
//	env.HTTP = tokens.Callers(trust.Transport(plain))  // each call with the least token that may do it
package secure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// write puts files in place, each in one step: a node may read them at any time.
func write(files map[string][]byte) (err error) {
	for path, content := range files {
		next := path + ".next"
		if e := os.WriteFile(next, content, 0o600); e != nil {
			err = errors.Join(err, fmt.Errorf("write %s: %w", filepath.Base(path), e))
			continue
		}
		err = errors.Join(err, os.Rename(next, path))
	}
	return err
}
