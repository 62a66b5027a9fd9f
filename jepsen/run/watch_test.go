//go:build linux

package main

import (
	"testing"
	"time"
)

func TestMostKnowOfNoLaterTerm(t *testing.T) {
	for name, c := range map[string]struct {
		heard   map[string]word
		members int
		want    time.Duration // -1: it is not known
	}{
		"nobody":                {nil, 3, -1},
		"one of three":          {map[string]word{"n1": {5, 2}}, 3, -1},
		"two of three":          {map[string]word{"n1": {5, 2}, "n2": {7, 2}}, 3, 5},
		"three of three":        {map[string]word{"n1": {5, 2}, "n2": {7, 1}, "n3": {6, 2}}, 3, 6},
		"one has a later term":  {map[string]word{"n1": {5, 2}, "n2": {7, 3}, "n3": {6, 2}}, 3, 5},
		"two have a later term": {map[string]word{"n1": {5, 3}, "n2": {7, 3}, "n3": {6, 2}}, 3, -1},
		"two of four":           {map[string]word{"n1": {5, 2}, "n2": {7, 2}}, 4, -1},
		"three of four":         {map[string]word{"n1": {5, 2}, "n2": {7, 2}, "n3": {9, 2}}, 4, 5},
		"the only one":          {map[string]word{"n1": {5, 2}}, 1, 5},
	} {
		w := &watch{term: 2, heard: c.heard}
		at, ok := w.unopposed(c.members)
		if ok != (c.want >= 0) || ok && at != c.want {
			t.Errorf("%s: %d, %v", name, at, ok)
		}
	}
}
