package httpapi

import "strings"

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
			total += editDistance(a[i][:min(len(a[i]), most)], b[i])
		}
	}
	return total
}

// editDistance counts the letters to insert, delete or replace between a and b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
