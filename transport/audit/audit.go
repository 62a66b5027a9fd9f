// Package audit writes down who has managed what: one JSON object a line, for
// every call that changes limits, tokens or the cluster, or tried to.
//
//	log, err := audit.Open("/var/log/limitd/audit.log", logger)
//	log.Note(audit.Entry{Who: "ops", From: "10.0.0.7:5123", Method: "DELETE", Path: "/v1/limits/db", Status: 204})
//	err = log.Reopen() // after the file was renamed
//
// An entry has no secrets, and nothing of a body but the names of limits. It is
// written after the call was answered, in one write. Where that fails the call
// stands, and the node's log tells: limits must not fail for a log's sake.
//
// A nil Log notes nothing.
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Entry is one call.
type Entry struct {
	Time      time.Time `json:"time"`
	Node      string    `json:"node"`
	RequestID string    `json:"request_id,omitempty"`
	Who       string    `json:"who"`  // the name of the token; "": none was shown, or none was accepted
	From      string    `json:"from"` // host:port
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Verb      string    `json:"verb,omitempty"`   // that the call needs
	Limits    []string  `json:"limits,omitempty"` // that it is about
	Status    int       `json:"status"`           // of the answer; 0: the caller had hung up
	Code      string    `json:"code,omitempty"`   // of a failure
}

// Log is an open audit log. It is safe for concurrent use.
type Log struct {
	path   string
	logger hclog.Logger

	mu   sync.Mutex
	file *os.File // guarded by mu; nil once closed
}

// Open opens the file for appending, and makes it where it is missing, readable
// for its owner and group.
func Open(path string, logger hclog.Logger) (*Log, error) {
	l := &Log{path: path, logger: logger}
	return l, l.Reopen()
}

// Reopen opens the file anew under its name. Where it cannot, the old one stays in use.
func (l *Log) Reopen() error {
	if l == nil {
		return nil
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("open the audit log (audit.path): %w", err)
	}
	l.mu.Lock()
	old := l.file
	l.file = file
	l.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

// Note writes an entry.
func (l *Log) Note(e Entry) {
	if l == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = l.write(append(line, '\n'))
	}
	if err != nil {
		l.logger.Error("a call is missing in the audit log", "path", l.path, "request_id", e.RequestID, "err", err)
	}
}

var errClosed = errors.New("audit: the log is closed")

func (l *Log) write(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return errClosed
	}
	_, err := l.file.Write(line)
	return err
}

// Close closes the file. It may be called twice.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
