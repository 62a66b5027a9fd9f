package check

import "slices"

// judgeIndex looks at real time: who calls after an answer had come gets one
// that is true at no lower index.
func judgeIndex(f *facts, r *report) {
	calls, returns := slices.Clone(f.acts), slices.Clone(f.acts)
	slices.SortStableFunc(calls, func(x, y *act) int { return compare(x.Call, y.Call) })
	slices.SortStableFunc(returns, func(x, y *act) int { return compare(x.Return, y.Return) })
	var last *act
	next := 0
	for _, a := range calls {
		for ; next < len(returns) && returns[next].Return < a.Call; next++ {
			if b := returns[next]; b.placed && (last == nil || b.Index > last.Index) {
				last = b
			}
		}
		if !a.fresh {
			continue
		}
		r.saw(1)
		if last != nil && a.Index < last.Index {
			r.convict("section 7", show(last.Op, a.Op), "a %s called at %s is true at index %d, although index %d had been answered at %s",
				a.Kind, a.Call, a.Index, last.Index, last.Return)
		}
	}
}
