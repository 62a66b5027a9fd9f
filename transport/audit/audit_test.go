package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/transport/audit"
)

func lines(t *testing.T, path string) (list []audit.Entry) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(path, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	one := audit.Entry{Node: "n1", Who: "ops", From: "127.0.0.1:1", Method: "DELETE", Path: "/v1/limits/db", Verb: "manage", Limits: []string{"db"}, Status: 204}
	log.Note(one)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	log.Note(one)
	if err := log.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Note(one)
	if d := cmp.Diff([]audit.Entry{one, one}, lines(t, path+".1")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]audit.Entry{one}, lines(t, path)); d != "" {
		t.Error(d)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}

func TestLinesStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.Open(path, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() { log.Note(audit.Entry{Path: strings.Repeat("x", 5000)}) })
	}
	group.Wait()
	if n := len(lines(t, path)); n != 50 {
		t.Errorf("%d lines", n)
	}
}

func TestWhatCannotBeWrittenIsTold(t *testing.T) {
	if _, err := audit.Open(filepath.Join(t.TempDir(), "no", "such", "folder"), hclog.NewNullLogger()); err == nil {
		t.Error("it was opened")
	}
	var told bytes.Buffer
	log, err := audit.Open(filepath.Join(t.TempDir(), "audit.log"), hclog.New(&hclog.LoggerOptions{Output: &told}))
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log.Note(audit.Entry{RequestID: "r-1"})
	if !strings.Contains(told.String(), "r-1") {
		t.Errorf("%s", &told)
	}
	var none *audit.Log
	none.Note(audit.Entry{})
	if none.Reopen() != nil || none.Close() != nil {
		t.Error("no log complains")
	}
}
