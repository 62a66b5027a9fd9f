package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
)

// A minute of a node that is down, as raft tells it, is two lines for each kind and
// peer; nothing else is left out.
func TestLogRepeatsLittle(t *testing.T) {
	var out bytes.Buffer
	options := logOptions(config.Config{}, &out)
	now := time.Unix(0, 0)
	options.Exclude = (&thinner{now: func() time.Time { return now }}).exclude
	log := hclog.New(options).Named("raft")
	for i := range 600 {
		for _, peer := range []string{"127.0.0.2:7481", "127.0.0.3:7481"} {
			log.Error("failed to heartbeat to", "peer", peer, "backoff time", time.Duration(i), "error", "refused")
		}
		log.Info("entering candidate state", "node", "n1", "term", i)
		log.Warn("something else")
		now = now.Add(100 * time.Millisecond)
	}
	for text, want := range map[string]int{"peer=127.0.0.2:7481": 2, "peer=127.0.0.3:7481": 2, "entering candidate state": 2, "something else": 600} {
		if got := strings.Count(out.String(), text); got != want {
			t.Errorf("%q is logged %d times, not %d", text, got, want)
		}
	}
	for i := range 2 * mostRepeated {
		log.Error("failed to contact", "server-id", i)
	}
	if got := strings.Count(out.String(), "failed to contact"); got != 2*mostRepeated {
		t.Errorf("%d peers are told of", got)
	}
}
