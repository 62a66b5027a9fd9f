package limit

import "slices"

// Audit holds the indexes of s against those that a restore makes of its rows.
// It returns where they differ.
func (s *State) Audit(restored *State) (difference string) {
	same := func(name string, x, y pairs) {
		if !slices.Equal(x.tree.Items(), y.tree.Items()) {
			difference += name + " "
		}
	}
	same("naming", s.naming, restored.naming)
	same("heads", s.heads, restored.heads)
	same("guarded", s.guarded, restored.guarded)
	same("ends", s.ends, restored.ends)
	same("deadlines", s.deadlines, restored.deadlines)
	same("lapses", s.lapses, restored.lapses)
	same("firsts", s.firsts, restored.firsts)
	same("decays", s.decays, restored.decays)
	if s.groups.len() != restored.groups.len() || s.members.tree.Len() != restored.members.tree.Len() {
		difference += "groups "
	}
	for limit, q := range s.lines {
		p := restored.lines[limit]
		if p == nil || q.waiting != p.waiting || q.reserved != p.reserved || q.first != p.first || q.due != p.due || !slices.Equal(q.reserves, p.reserves) {
			difference += "lines "
		}
	}
	return difference
}
