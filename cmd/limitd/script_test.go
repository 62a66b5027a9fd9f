package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets tests run limitd, and beat, as processes of their own: the
// test's binary under other names.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"limitd": main, "beat": beat})
}

// beat writes the time every few milliseconds, in ns, and does not end when it
// is asked to.
func beat() {
	signal.Ignore(syscall.SIGTERM)
	for now := range time.Tick(5 * time.Millisecond) {
		fmt.Println(now.UnixNano())
	}
}

// TestScripts runs testdata/*.txtar: what people see of each command. A script
// finds free addresses in $HTTP, $PEER and $GOSSIP, others in $HTTP2 and so on, and
// in $ROW0, $ROW1 and $ROW2 three for the first node of a -dev-cluster, those of two
// more being free, too.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			names := []string{"HTTP", "PEER", "GOSSIP", "HTTP2", "PEER2", "GOSSIP2"}
			addresses, err := freeAddresses(len(names))
			for i, address := range addresses {
				env.Setenv(names[i], address)
			}
			if err != nil {
				return err
			}
			row, err := freeRow()
			for i, address := range row {
				env.Setenv("ROW"+strconv.Itoa(i), address)
			}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "await-some": awaitSome, "awaitfile": awaitFile, "post": post,
		},
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

// freeRow returns three loopback addresses in a row that nobody listens on right
// now, nor ten and twenty ports above.
func freeRow() ([]string, error) {
	for {
		first, err := freeAddresses(1)
		if err != nil {
			return nil, err
		}
		at := netip.MustParseAddrPort(first[0])
		var row []string
		for _, step := range []uint16{0, 1, 2, 10, 11, 12, 20, 21, 22} {
			next := netip.AddrPortFrom(at.Addr(), at.Port()+step)
			l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(next))
			if err != nil {
				break
			}
			l.Close()
			row = append(row, next.String())
		}
		if len(row) == 9 {
			return row[:3], nil
		}
	}
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

// awaitFile waits until a line of a file matches:
//
//	awaitfile out '^gpu '
func awaitFile(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: awaitfile FILE REGEXP")
	}
	line, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var text []byte
	err = poll(func() bool {
		text, err = os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && line.Match(text)
	})
	if err != nil {
		ts.Fatalf("%s: no line %s: %v\n%s", args[0], args[1], err, text)
	}
}
