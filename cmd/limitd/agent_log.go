package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
)

func newLogger(c config.Config, out io.Writer) hclog.Logger { return hclog.New(logOptions(c, out)) }

func logOptions(c config.Config, out io.Writer) *hclog.LoggerOptions {
	return &hclog.LoggerOptions{
		Name: "limitd", Output: out, Exclude: (&thinner{now: time.Now}).exclude,
		Level: hclog.LevelFromString(c.Log.Level), JSONFormat: c.Log.Format == "json",
	}
}

// ofDeadPeer tells what raft says of a node that is down: several times a second,
// for as long as it is.
func ofDeadPeer(message string) bool {
	switch message {
	case "failed to heartbeat to", "failed to appendEntries to", "failed to pipeline appendEntries", "failed to contact", "failed to make requestVote RPC":
		return true
	}
	return false
}

// ofElection tells what a node says a few times a second while there is no majority.
func ofElection(message string) bool {
	switch message {
	case "entering candidate state", "Election timeout reached, restarting election", "pre-vote campaign failed, waiting for election timeout":
		return true
	}
	return false
}

// sayAgain is how often a line is logged that would repeat itself, at most.
const sayAgain = 30 * time.Second

// mostRepeated bounds the lines that a thinner remembers.
const mostRepeated = 256

// thinner leaves out of a log what says again that a node is down, or most of them.
type thinner struct {
	now func() time.Time

	mu   sync.Mutex
	said map[string]time.Time // when a line was logged, by its message and whom it is about
}

// exclude tells whether a line is left out; it is hclog's Exclude.
func (t *thinner) exclude(_ hclog.Level, message string, args ...any) bool {
	if !ofDeadPeer(message) && !ofElection(message) {
		return false
	}
	if len(args) >= 2 {
		message += fmt.Sprint(args[1]) // the peer; what else is told changes from line to line
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if last, ok := t.said[message]; ok && now.Sub(last) < sayAgain {
		return true
	}
	if t.said == nil || len(t.said) >= mostRepeated {
		t.said = make(map[string]time.Time)
	}
	t.said[message] = now
	return false
}
