package check_test

import (
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// TestAccess gives the judge of access single calls.
func TestAccess(t *testing.T) {
	rotation := history.Fault{Kind: "rotate-token", From: 5 * time.Second, To: 9 * time.Second}
	for name, c := range map[string]struct {
		op     history.Op
		guilty bool
	}{
		"a stranger is refused":           {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 401, Code: "unauthenticated"}, false},
		"a stranger lacks a right":        {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 403, Code: "permission_denied"}, false},
		"a node cannot tell":              {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 503, Code: "no_leader"}, false},
		"no answer":                       {history.Op{Kind: history.Intrude, Outcome: history.Unknown}, false},
		"a stranger gets in":              {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 200}, true},
		"a stranger waits":                {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 202}, true},
		"a stranger is told":              {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 409, Code: "denied"}, true},
		"a caller is served":              {history.Op{Kind: history.Acquire, Outcome: history.OK, Status: 200}, false},
		"a caller is refused":             {history.Op{Kind: history.Acquire, Outcome: history.OK, Status: 401, Code: "unauthenticated"}, true},
		"a library is refused":            {history.Op{Kind: history.Acquire, Outcome: history.Refused, Code: "permission_denied"}, true},
		"its token is rotated":            {history.Op{Kind: history.Renew, Outcome: history.OK, Status: 401, Code: "unauthenticated", Call: 8 * time.Second, Return: 10 * time.Second}, false},
		"its token was rotated long ago":  {history.Op{Kind: history.Renew, Outcome: history.OK, Status: 401, Code: "unauthenticated", Call: 10 * time.Second, Return: 11 * time.Second}, true},
		"a stranger while one is rotated": {history.Op{Kind: history.Intrude, Outcome: history.OK, Status: 200, Call: 8 * time.Second, Return: 8 * time.Second}, true},
	} {
		c.op.Number = 1
		h := &history.History{Run: history.Run{Guarded: true}, Ops: []history.Op{c.op}, Faults: []history.Fault{rotation}}
		found, looked := 0, 0
		for _, v := range check.All(h) {
			if v.Checker.Name == "access" {
				found, looked = len(v.Violations), v.Looked
			}
		}
		if (found > 0) != c.guilty || looked == 0 && c.op.Outcome == history.OK {
			t.Errorf("%s: %d violations, looked at %d", name, found, looked)
		}
		h.Run.Guarded = false
		for _, v := range check.All(h) {
			if v.Checker.Name == "access" && v.Looked > 0 {
				t.Errorf("%s: judged where nobody asks for tokens", name)
			}
		}
	}
}
