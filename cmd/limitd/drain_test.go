package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
)

// TestANodeServesOnWhileItIsNotReady follows a node from SIGTERM to its end: it says at
// once that it shuts down, on both APIs, answers calls all the same for drain_delay,
// and ends early by another signal.
func TestANodeServesOnWhileItIsNotReady(t *testing.T) {
	for name, test := range map[string]struct {
		delay time.Duration
		again bool
	}{
		"another signal": {5 * time.Minute, true},
		"by itself":      {3 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Dev()
			cfg.HTTP.Address, cfg.Peer.Address, cfg.Gossip.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
			cfg.HTTP.DrainDelay = test.delay
			logger := hclog.NewNullLogger()
			node, err := startNode(t.Context(), cfg, logger, func(err error) { t.Errorf("fatal: %v", err) })
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := node.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
			signals, ended := make(chan os.Signal, 2), make(chan error, 1)
			go func() { ended <- serve(node, node.Retire, logger, signals) }()
			if status, body := askNode(t, http.MethodGet, node.URL()+"/readyz", ""); status != http.StatusOK {
				t.Errorf("before the signal: %d %s", status, body)
			}

			signals <- syscall.SIGTERM
			status, body := http.StatusOK, ""
			for status == http.StatusOK && ctx.Err() == nil {
				status, body = askNode(t, http.MethodGet, node.URL()+"/readyz", "")
			}
			if status != http.StatusServiceUnavailable || body != "the node is shutting down\n" {
				t.Errorf("after the signal: %d %s", status, body)
			}
			if status, body := askNode(t, http.MethodGet, node.URL()+"/api/ready", ""); status != http.StatusServiceUnavailable {
				t.Errorf("Prefect's clients are told: %d %s", status, body)
			}
			if status, body := askNode(t, http.MethodPut, node.URL()+"/v1/limits/db", `{"slots":1}`); status != http.StatusCreated {
				t.Errorf("a call during the delay: %d %s", status, body)
			}
			if test.again {
				later, cancel := context.WithTimeout(ctx, 2*sameSignal)
				<-later.Done()
				cancel()
				signals <- syscall.SIGTERM
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-ctx.Done():
				t.Error("the node does not end")
			}
		})
	}
}

// askNode sends one request over a connection of its own.
func askNode(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
