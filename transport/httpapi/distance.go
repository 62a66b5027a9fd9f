package httpapi

import (
	"strings"

	"github.com/limitd/limitd/fsm/limit"
)

// pathDistance tells how unlike a path and a route's pattern are: the edits
// between their segments, a parameter being like anything.
func pathDistance(path, pattern string) int {
	const most = 20 // segments and letters that are looked at
	a, b := strings.Split(path, "/"), strings.Split(pattern, "/")
	a = a[:min(len(a), most)]
	total := 0
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			total += len(b[i])
		case i >= len(b):
			total += min(len(a[i]), most)
		case !strings.HasPrefix(b[i], "{"):
			total += limit.Distance(a[i][:min(len(a[i]), most)], b[i])
		}
	}
	return total
}
