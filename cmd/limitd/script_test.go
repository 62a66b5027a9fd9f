package main

import (
	"net"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run limitd as a process of its own: the test's binary
// under another name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"limitd": main})
}

// TestScripts runs testdata/*.txtar: what people see of each command. A script
// finds free addresses in $HTTP, $PEER and $GOSSIP.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			names := []string{"HTTP", "PEER", "GOSSIP"}
			addresses, err := freeAddresses(len(names))
			for i, address := range addresses {
				env.Setenv(names[i], address)
			}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// freeAddresses returns loopback addresses that nobody listens on right now.
func freeAddresses(n int) ([]string, error) {
	var list []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		list = append(list, l.Addr().String())
	}
	return list, nil
}

// await runs limitd with the given arguments until it succeeds:
//
//	await limit list
func await(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: await ARGUMENTS OF limitd")
	}
	w := world{stdout: &strings.Builder{}, stderr: &strings.Builder{}, lookup: func(name string) (string, bool) {
		v := ts.Getenv(name)
		return v, v != ""
	}}
	if err := poll(func() bool { return run(args, w) == exitOK }); err != nil {
		ts.Fatalf("limitd %s: %v\n%s", strings.Join(args, " "), err, w.stderr)
	}
}
