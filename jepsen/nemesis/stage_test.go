//go:build linux

package nemesis

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/network"
	"github.com/limitd/limitd/jepsen/nodes"
)

// newStage returns a stage of processes that only sleep: enough for what
// signals and claims do.
func newStage(t *testing.T) *Stage {
	t.Helper()
	return newStageOf(t, "sleep", "60")
}

// newStageOf returns a stage of processes of any kind.
func newStageOf(t *testing.T, name string, args ...string) *Stage {
	t.Helper()
	ground, err := network.Open(network.Config{Nodes: 3, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	var places []nodes.Place
	for i := range 3 {
		a := ground.Addresses(i + 1)
		places = append(places, nodes.Place{
			HTTP: nodes.Address(a.HTTP), Peer: nodes.Address(a.Peer), Gossip: nodes.Address(a.Gossip),
			Start: func(cmd *exec.Cmd) error {
				sleeper := exec.Command(name, args...)
				cmd.Path, cmd.Args, cmd.Err = sleeper.Path, sleeper.Args, sleeper.Err
				return ground.Start(i+1, cmd)
			},
		})
	}
	cluster, err := nodes.Start(nodes.Config{Binary: filepath.Join(t.TempDir(), "limitd"), Dir: t.TempDir(), Size: 3, Places: places})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cluster.Close(), ground.Close()); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	s := &Stage{
		Cluster: cluster, Network: ground, Leader: func() string { return "n2" },
		Record: history.NewRecorder(history.Run{}, func() time.Duration { return time.Since(began) }),
	}
	s.Open(1)
	return s
}

func TestANodeIsStruckByOneFaultAtATime(t *testing.T) {
	s := newStage(t)
	list, err := s.take(leader)
	if err != nil || names(list) != "n2" || !s.Down(list[0]) {
		t.Fatalf("took %s, %v", names(list), err)
	}
	if _, err := s.take(majority); !errors.Is(err, ErrBusy) {
		t.Errorf("a majority has the leader in it, which is taken: %v", err)
	}
	other, err := s.take(follower)
	if err != nil || names(other) == "n2" {
		t.Errorf("took %s, %v", names(other), err)
	}
	s.give(list)
	s.give(other)
	if list, err = s.takeOut(); err != nil {
		t.Fatal(err)
	}
	for range 10 { // whichever it would take
		if _, err := s.takeOut(); !errors.Is(err, ErrBusy) {
			t.Fatalf("a second node was taken out: %v", err)
		}
	}
	s.takeIn(list)
	if all, err := s.take(everyone); err != nil || len(all) != 3 {
		t.Errorf("took %s, %v", names(all), err)
	}
}

func TestAKillIsRecordedAndMended(t *testing.T) {
	s := newStage(t)
	ctx, cancel := context.WithCancel(t.Context())
	kill := Nemesis{Name: "kill-leader", Group: "kill", What: "w", Lacks: nothing, Start: func(context.Context, *Stage) (*Fault, error) {
		f, err := s.killed(leader)
		if s.Cluster.Nodes()[1].Running() {
			t.Error("the leader lives")
		}
		cancel() // the run is over: mend at once
		f.Mend = func(context.Context) error { return s.bringBack(ctx, []*nodes.Node{s.Cluster.Nodes()[1]}) }
		return f, err
	}}
	if err := s.strike(ctx, kill); err != nil {
		t.Fatal(err)
	}
	n := s.Cluster.Nodes()[1]
	if !n.Running() || s.Down(n) {
		t.Errorf("after the mend it runs: %v, and is taken: %v", n.Running(), s.Down(n))
	}
	faults := s.Record.History().Faults
	if len(faults) != 1 || faults[0].On != "n2" || faults[0].To == 0 || faults[0].Error != "" {
		t.Errorf("recorded %+v", faults)
	}
}

func TestWhatCannotBeIsRecorded(t *testing.T) {
	s := newStage(t)
	for _, n := range clocks() {
		if err := s.strike(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	faults := s.Record.History().Faults
	if len(faults) != len(clocks()) {
		t.Fatalf("recorded %+v", faults)
	}
	for _, f := range faults {
		if f.Error == "" {
			t.Errorf("%s struck processes whose clocks cannot be stepped", f.Kind)
		}
	}
}
