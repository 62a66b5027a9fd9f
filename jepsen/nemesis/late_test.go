//go:build linux

package nemesis

import (
	"context"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

func TestWhichEndsAFaultExplains(t *testing.T) {
	start := time.Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	fault := span{began: at(10), until: at(20)}
	for name, test := range map[string]struct {
		end  nodes.End
		want bool
	}{
		"while it lasts, or soon after": {nodes.End{Code: failStop, Began: start, At: at(19.9)}, true},
		"long after":                    {nodes.End{Code: failStop, Began: start, At: at(20.1)}, false},
		"before":                        {nodes.End{Code: failStop, Began: start, At: at(9.9)}, false},
		"not by fail-stop":              {nodes.End{Code: 2, Began: start, At: at(15)}, false},
		"by a signal":                   {nodes.End{Code: -1, Began: start, At: at(15)}, false},
		"of a process started since":    {nodes.End{Code: failStop, Began: at(12), At: at(15)}, false},
	} {
		if got := fault.covers(test.end); got != test.want {
			t.Errorf("an end %s: explained %v", name, got)
		}
	}
}

// TestTheLateEndOfANode ends nodes as a watchdog does, after the fault that
// would have been the reason was mended.
func TestTheLateEndOfANode(t *testing.T) {
	s := newStageOf(t, "sh", "-c", "trap 'exit 75' TERM; echo ready; while :; do sleep 0.02; done")
	sleep(t.Context(), 200*time.Millisecond) // for the traps
	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	late, tooLate, without := s.Cluster.Nodes()[0], s.Cluster.Nodes()[1], s.Cluster.Nodes()[2]
	s.mayEnd(late, began)
	s.after[tooLate.Name] = []span{{began: began, until: time.Now()}}
	for _, n := range s.Cluster.Nodes() {
		if dead, err := s.Tend(soon, n); dead || err != nil {
			t.Errorf("%s lives: %v, %v", n.Name, dead, err)
		}
		if err := s.Cluster.Stop(n); err == nil {
			t.Fatalf("%s did not end as by its watchdog", n.Name)
		}
	}
	if dead, err := s.Tend(soon, late); !dead || err != nil || !late.Running() || s.Down(late) {
		t.Errorf("an end soon after the mend: %v, %v; it runs again: %v", dead, err, late.Running())
	}
	for _, n := range []*nodes.Node{tooLate, without} {
		if dead, err := s.Tend(soon, n); !dead || err == nil || n.Running() || s.Down(n) {
			t.Errorf("an end that nothing explains: %v, %v; it runs again: %v", dead, err, n.Running())
		}
	}
	if err := s.claim([]*nodes.Node{without}); err != nil {
		t.Fatal(err)
	}
	if dead, err := s.Tend(soon, without); !dead || err != nil {
		t.Errorf("a fault has it: %v, %v", dead, err)
	}
	sleep(t.Context(), 200*time.Millisecond)
	if err := s.Cluster.Stop(late); err == nil {
		t.Fatal("it did not end as by its watchdog")
	}
	if _, err := s.Tend(soon, late); err == nil {
		t.Error("the process that was started after the mend ended, and that is explained")
	}
}
