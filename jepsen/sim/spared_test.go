package sim

import (
	"testing"

	"github.com/limitd/limitd/transport/wire"
)

// TestTheOperatorEmptiesNoDiskThatIsNeeded: of voters only, and of those that
// still have what they voted for.
func TestTheOperatorEmptiesNoDiskThatIsNeeded(t *testing.T) {
	voter, other := wire.RoleVoter, "nonvoter"
	for _, x := range []struct {
		what  string
		roles map[string]string
		want  bool
	}{
		{"two of three", map[string]string{"a": voter, "b": voter, "emptied": voter}, true},
		{"one of two, and one without a vote", map[string]string{"a": voter, "b": other, "emptied": voter}, false},
		{"one of three, for one was emptied before", map[string]string{"a": voter, "before": voter, "emptied": voter}, false},
		{"two of four", map[string]string{"a": voter, "b": voter, "before": voter, "emptied": voter}, false},
	} {
		var members []wire.Node
		for id, role := range x.roles {
			members = append(members, wire.Node{ID: id, Role: role})
		}
		if got := spared(members, map[string]bool{"a": true, "b": true, "emptied": false}); got != x.want {
			t.Errorf("%s: %v", x.what, got)
		}
	}
}
