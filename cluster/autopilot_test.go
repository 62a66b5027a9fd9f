package cluster

import (
	"strings"
	"testing"
	"time"
)

// atRest is a leader n1 and as many voters more as it takes, all of them healthy.
func atRest(voters int) []Health {
	members := make([]Health, voters)
	for i := range members {
		name := "n" + string(rune('1'+i))
		members[i] = Health{Node: Node{ID: name, Name: name, Role: Voter, Alive: true, Leader: i == 0}, Healthy: true}
	}
	return members
}

// lose has members be silent for that long, to gossip as to replication.
func lose(members []Health, silent time.Duration, which ...int) {
	for _, i := range which {
		h := &members[i]
		h.Alive, h.Healthy, h.LastContact, h.Silent = false, false, silent, silent
	}
}

// TestWhoIsCleanedUp: the dead, as long as the voters that are left are as many
// as was declared, and a majority of them answers.
func TestWhoIsCleanedUp(t *testing.T) {
	clean := Autopilot{LastContact: time.Second, Cleanup: true, DeadAfter: time.Hour, MinQuorum: 3}
	for name, x := range map[string]struct {
		change func(*Autopilot, []Health)
		voters int
		remove bool
		plan   string
	}{
		"dead of five":            {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 4) }, 5, true, "being removed"},
		"cleanup is off":          {func(a *Autopilot, m []Health) { lose(m, time.Hour, 4); a.Cleanup = false }, 5, false, "operator"},
		"not for long enough":     {func(_ *Autopilot, m []Health) { lose(m, 50*time.Minute, 4) }, 5, false, "removed in 10m0s"},
		"gossip hears it":         {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 4); m[4].Alive = true }, 5, false, "gossip"},
		"the declared quorum":     {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 2) }, 3, false, "min_quorum is 3"},
		"too few others answer":   {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 2, 3, 4) }, 5, false, "2 of 4 would answer"},
		"as many as it may be":    {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 3, 4) }, 5, true, "being removed"},
		"without a vote":          {func(_ *Autopilot, m []Health) { lose(m, time.Hour, 3); m[3].Role = NonVoter }, 4, true, "being removed"},
		"no quorum was declared":  {func(a *Autopilot, m []Health) { lose(m, time.Hour, 2); a.MinQuorum = 0 }, 3, true, "being removed"},
		"the last of two is kept": {func(a *Autopilot, m []Health) { lose(m, time.Hour, 0, 1); a.MinQuorum = 0 }, 2, false, "0 of 1 would answer"},
	} {
		a, members := clean, atRest(x.voters)
		x.change(&a, members)
		at := len(members) - 1
		if remove, plan := a.judge(members[at], members); remove != x.remove || !strings.Contains(plan, x.plan) {
			t.Errorf("%s: %v %q", name, remove, plan)
		}
	}
}

// TestAVoteTakesTime: the time begins anew when the node was not healthy.
func TestAVoteTakesTime(t *testing.T) {
	a := Autopilot{Stabilization: 10 * time.Second}
	var v vigil
	for _, x := range []struct {
		at      time.Duration
		healthy bool
		steady  bool
	}{{0, true, false}, {9, true, false}, {10, true, true}, {11, false, false}, {12, true, false}, {21, true, false}, {22, true, true}} {
		members := []Health{{Node: Node{ID: "d"}, Healthy: x.healthy}}
		now := int64(x.at * time.Second)
		v.note(now, members)
		members[0].Stable = v.stable(now, "d")
		if got := a.steady("d", members); got != x.steady {
			t.Errorf("after %ds: %v", x.at, got)
		}
	}
}
