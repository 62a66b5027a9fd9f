package limit

// SetBudget changes what one record of s may play, so that a test can cut
// records which do little.
func (s *State) SetBudget(n int) { s.budget = n }
