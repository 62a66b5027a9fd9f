package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/limitd/limitd/transport/wire"
)

// Exit codes, documented in docs/cli.md.
const (
	exitOK         = 0
	exitError      = 1
	exitUsage      = 2 // a wrong command line, or for the agent a wrong configuration
	exitNotFound   = 3
	exitDenied     = 4 // no slot
	exitTimedOut   = 5 // while waiting for a slot
	exitNoLeader   = 6 // or no node reachable
	exitPermission = 7
	exitLeaseLost  = 8
	exitOfExec     = 100 // added to those above, but 0, by exec
	exitFailStop   = 75  // agent: the disk failed; start the node again once it is mended
	exitNewer      = 76  // agent: its data is of a newer version; start that one
)

// failure is an error that knows its exit code and, where there is one, its mend.
type failure struct {
	code int
	text string
	near string // behind the text: what may have been meant; may be empty
	hint string // what to do about it; may be empty
}

// Error returns what went wrong, without the hint.
func (f *failure) Error() string { return f.text }

func failf(code int, format string, args ...any) *failure {
	return &failure{code: code, text: fmt.Sprintf(format, args...)}
}

// suggest adds the names that the problem calls similar, in place of where its
// hint tells them.
func (f *failure) suggest(p *wire.Problem) {
	f.near = "." + meant(p.Similar...)
	f.hint = strings.TrimSuffix(p.Hint, "; similar names: "+strings.Join(p.Similar, ", ")) + "; 'limitd limit list' shows all"
}

// usagef is a failure of the command line itself.
func usagef(command, format string, args ...any) *failure {
	f := failf(exitUsage, format, args...)
	f.hint = fmt.Sprintf("Run '%s --help'.", command)
	return f
}

// silent is a failure that was reported already.
func silent(code int) *failure { return &failure{code: code} }

// report writes err for people and returns the exit code it stands for.
func report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: exitError, text: err.Error()}
	}
	if f.text != "" {
		fmt.Fprintf(w, "Error: %s%s\n", f.text, f.near)
	}
	if f.hint != "" {
		fmt.Fprintf(w, "  %s\n", f.hint)
	}
	return f.code
}
