package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// MissingFiles returns what a node needs of files and is not on this machine, a
// sentence each. It is no part of Validate: a configuration may be checked elsewhere.
func (c Config) MissingFiles() (lacks []string) {
	for _, f := range []struct{ key, path string }{
		{"tls.ca_file", c.TLS.CAFile},
		{"tls.cert_file", c.TLS.CertFile},
		{"tls.key_file", c.TLS.KeyFile},
		{"gossip.key_file", c.Gossip.KeyFile},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			lacks = append(lacks, fmt.Sprintf("%s: %v", f.key, err))
		}
	}
	if c.Audit.Path != "" {
		if _, err := os.Stat(filepath.Dir(c.Audit.Path)); err != nil {
			lacks = append(lacks, fmt.Sprintf("audit.path: %v", err))
		}
	}
	return lacks
}
