package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/transport/wire"
)

// TestExitCodeOfEveryProblem holds the command line's codes against those of
// the API and of the client library.
func TestExitCodeOfEveryProblem(t *testing.T) {
	want := map[wire.Code]int{
		wire.CodeInvalidRequest:  exitUsage,
		wire.CodeUnauthenticated: exitPermission, wire.CodePermissionDenied: exitPermission,
		wire.CodeLimitNotFound: exitNotFound, wire.CodeLeaseNotFound: exitNotFound, wire.CodeAcquireNotFound: exitNotFound,
		wire.CodeNodeNotFound: exitNotFound, wire.CodeRouteNotFound: exitNotFound,
		wire.CodeTokenNotFound: exitNotFound, wire.CodePolicyNotFound: exitNotFound,
		wire.CodeDenied: exitDenied, wire.CodeWaitExpired: exitTimedOut,
		wire.CodeNoLeader: exitNoLeader, wire.CodeShuttingDown: exitNoLeader, wire.CodeOutcomeUnknown: exitNoLeader,
		wire.CodeLeaseEnded: exitLeaseLost,
	}
	for _, c := range wire.Codes() {
		expected, known := want[c.Code]
		if !known {
			expected = exitError
		}
		f := problemFailure(wire.NewProblem(c.Code, "it failed"))
		if f.code != expected || f.text != "it failed" {
			t.Errorf("%s: exit code %d, want %d", c.Code, f.code, expected)
		}
	}
	for code, expected := range map[wire.Code]int{
		client.ErrUnreachable: exitNoLeader, client.ErrNotLimitd: exitNoLeader, client.ErrUntrusted: exitNoLeader, client.ErrLeaseLost: exitLeaseLost, client.ErrDenied: exitDenied,
	} {
		f := clientFailure(fmt.Errorf("acquire: %w", &client.Error{Code: code, Detail: "it failed"}))
		if f.code != expected || f.text != "it failed" {
			t.Errorf("%s: exit code %d, want %d", code, f.code, expected)
		}
		var own *failure
		if err := ownFailure(f); !errors.As(err, &own) || own.code != exitOfExec+expected || f.code != expected {
			t.Errorf("%s: exec's own exit code is %v", code, own)
		}
	}
}
