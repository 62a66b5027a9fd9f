package limit_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/limitd/limitd/fsm/command"
)

// TestLimitByID: a limit is found by its id under any name, and gone once it is
// deleted, though another takes its name.
func TestLimitByID(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true})
	l, _ := b.state.Limit("db")
	name := "renamed"
	b.play("", &command.UpdateLimit{Name: "db", NewName: &name})
	if found, ok := b.state.LimitByID(l.UUID); !ok || found.Name != name {
		t.Errorf("found %q, %v", found.Name, ok)
	}
	b.play("", &command.DeleteLimit{Name: name})
	b.play("", &command.PutLimit{Name: name, Settings: command.LimitSettings{Slots: 1}})
	if found, ok := b.state.LimitByID(l.UUID); ok {
		t.Errorf("a deleted limit is found: %q", found.Name)
	}
	if _, ok := b.state.LimitByID([16]byte{0: 0xff}); ok {
		t.Error("an id that no limit has is found")
	}
}

func TestLimitsFrom(t *testing.T) {
	b := newBulk(t, command.LimitSettings{Slots: 10, Active: true}) // makes db
	for i := range 5 {
		b.play("", &command.PutLimit{Name: fmt.Sprint("l", i), Settings: command.LimitSettings{Slots: 1}})
	}
	for _, tt := range []struct {
		skipped, n int
		want       []string
	}{
		{0, 2, []string{"db", "l0"}}, {4, 9, []string{"l3", "l4"}}, {6, 1, nil}, {1 << 60, 1, nil}, {-1, 1, []string{"db"}}, {0, 0, nil},
	} {
		var got []string
		for _, l := range b.state.LimitsFrom(tt.skipped, tt.n) {
			got = append(got, l.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d limits from the %dth: %v, want %v", tt.n, tt.skipped, got, tt.want)
		}
	}
}
