package main

import (
	"go/format"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestEveryEditFits fails as soon as the code has outgrown a patch: the build,
// which takes a minute, shows then whether what is patched still compiles.
func TestEveryEditFits(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	files, err := patch(root, bugs())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if _, err := format.Source([]byte(text)); err != nil {
			t.Errorf("%s, patched: %v", name, err)
		}
	}
	for _, b := range bugs() {
		acts := false
		for _, e := range b.Edits {
			acts = acts || strings.Contains(e.New, `planted.On("`+b.Name+`")`)
		}
		acts = acts || strings.Contains(files["fsm/limit/lease.go"], `planted.On("`+b.Name+`")`) // edits may be shared
		if !acts {
			t.Errorf("%s: no edit asks whether it acts", b.Name)
		}
	}
}

func TestEveryBugIsDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, b := range bugs() {
		if seen[b.Name] || b.Name == "" || !strings.HasSuffix(b.What, ".") || b.By == "" || (b.Run.Sim == "") == (b.Run.Probe == "") {
			t.Errorf("%s is named twice, or lacks a word: %+v", b.Name, b)
		}
		if _, ok := probes()[b.Run.Probe]; !ok && b.Run.Probe != "" {
			t.Errorf("%s: there is no probe %q", b.Name, b.Run.Probe)
		}
		seen[b.Name] = true
	}
	if len(seen) < 36 {
		t.Errorf("%d bugs", len(seen))
	}
}

func TestArgumentsAreSplit(t *testing.T) {
	got := split(`seed=1 faults="kill@1s+2s:n1 stop@3s+1s:n2" keep=none`)
	want := []string{"seed=1", "faults=kill@1s+2s:n1 stop@3s+1s:n2", "keep=none"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// A patch that does not find its place, or finds it twice, is refused.
func TestAStalePatchIsRefused(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, old := range []string{"no such text", "func "} {
		if _, err := patch(root, []Bug{{Name: "x", Edits: []Edit{{File: "fsm/limit/play.go", Old: old}}}}); err == nil {
			t.Errorf("%q is replaced", old)
		}
	}
}
