package load

import "slices"

// Series is one figure of all rounds of a run, in their order.
type Series []float64

// Median returns the middle one, or the mean of the middle two; 0 for none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Min returns the smallest. s must not be empty.
func (s Series) Min() float64 { return slices.Min(s) }

// Max returns the largest. s must not be empty.
func (s Series) Max() float64 { return slices.Max(s) }

// Over returns the ratios to o, round by round: what slows the machine down for
// a round is in both.
func (s Series) Over(o Series) Series {
	ratios := make(Series, 0, len(s))
	for i := range min(len(s), len(o)) {
		if o[i] != 0 {
			ratios = append(ratios, s[i]/o[i])
		}
	}
	return ratios
}
