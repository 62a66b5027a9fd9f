package fsm_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/fsm"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// deaf hears nothing.
type deaf struct{}

func (deaf) Applied([]fsm.Event)   {}
func (deaf) Restored(*limit.State) {}

// stops returns the error by which do stops the node; nil where it goes on.
func stops(t *testing.T, do func(*fsm.FSM)) (fatal error) {
	t.Helper()
	machine := fsm.New(fsm.Config{Observer: deaf{}, Fatal: func(err error) { panic(err) }})
	defer machine.Close()
	defer func() {
		if err, stopped := recover().(error); stopped {
			fatal = err
		}
	}()
	do(machine)
	return nil
}

func apply(machine *fsm.FSM, record []byte) {
	machine.Apply(&raft.Log{Index: 1, Term: 1, Type: raft.LogCommand, Data: record})
}

// TestDowngradeIsRefused starts this version on what a newer one wrote: a record
// that brings newer rules, one of a kind that came with them, a snapshot from
// after them. Each stops the node by a message that names both versions or the
// kind, before anything is changed.
func TestDowngradeIsRefused(t *testing.T) {
	next := uint64(limit.Rules + 1)
	rules := command.Encode(command.Command{Header: command.Header{Term: 1}, Op: &command.SetRules{Version: next}})
	unknown := command.Encode(command.Command{Header: command.Header{Term: 1}, Op: &command.Tick{}})
	unknown[1] = 200
	command.Stamp(unknown, command.Header{Term: 1})

	newer := limit.New()
	newer.Apply(1, 1, command.Command{Header: command.Header{Term: 1}, Op: &command.Genesis{
		ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: next,
	}})
	var snapshot bytes.Buffer
	if err := newer.Snapshot().Write(&snapshot); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		do   func(*fsm.FSM)
		is   error
		says string
	}{
		"newer rules":    {func(m *fsm.FSM) { apply(m, rules) }, limit.ErrNewer, fmt.Sprintf("rules version %d comes into force, and this one knows %d", next, limit.Rules)},
		"unknown kind":   {func(m *fsm.FSM) { apply(m, unknown) }, command.ErrUnknown, "kind 200"},
		"newer snapshot": {func(m *fsm.FSM) { _ = m.Restore(io.NopCloser(&snapshot)) }, limit.ErrNewer, fmt.Sprintf("rules version %d, and this one knows %d", next, limit.Rules)},
	} {
		err := stops(t, c.do)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	first := command.Encode(command.Command{Header: command.Header{Term: 1}, Op: &command.Genesis{
		ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: limit.Rules,
	}})
	if err := stops(t, func(m *fsm.FSM) { apply(m, first) }); err != nil {
		t.Errorf("the rules of this version: %v", err)
	}
}
