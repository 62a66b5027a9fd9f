package client

import (
	"os"
	"strings"
)

// ConfigFromEnv returns the Config that the environment asks for, as the command
// line reads it: LIMITD_ADDR holds the addresses of nodes, separated by commas,
// LIMITD_TOKEN the token; LIMITD_CACERT, LIMITD_CLIENT_CERT and LIMITD_CLIENT_KEY
// name the files of https. What is not set has its default.
func ConfigFromEnv() Config {
	cfg := Config{
		Token: os.Getenv("LIMITD_TOKEN"), CACert: os.Getenv("LIMITD_CACERT"),
		ClientCert: os.Getenv("LIMITD_CLIENT_CERT"), ClientKey: os.Getenv("LIMITD_CLIENT_KEY"),
	}
	for a := range strings.SplitSeq(os.Getenv("LIMITD_ADDR"), ",") {
		if a = strings.TrimSpace(a); a != "" {
			cfg.Addresses = append(cfg.Addresses, a)
		}
	}
	return cfg
}
