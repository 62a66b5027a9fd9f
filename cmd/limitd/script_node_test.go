package main

import (
	"io"
	"net/http"
	"strings"

	"github.com/limitd/limitd/transport/wire"
	"github.com/rogpeppe/go-internal/testscript"
)

// awaitSome runs limitd with the given arguments until it lists something:
//
//	await-some holders db
func awaitSome(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: await-some ARGUMENTS OF limitd")
	}
	out := &strings.Builder{}
	w := world{stdout: out, stderr: io.Discard, lookup: func(name string) (string, bool) { return ts.Getenv(name), true }}
	some := func() bool {
		out.Reset()
		return run(append(args, "-o", "name"), w) == exitOK && out.Len() > 0
	}
	if err := poll(some); err != nil {
		ts.Fatalf("limitd %s: %v", strings.Join(args, " "), err)
	}
}

// post sends one request to the node at $LIMITD_ADDR, which has to take it:
//
//	post /v1/acquire {"limits":[{"name":"db"}]}
func post(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: post PATH BODY")
	}
	answer, err := http.Post("http://"+ts.Getenv("LIMITD_ADDR")+args[0], wire.TypeJSON, strings.NewReader(args[1]))
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Logf("%s %s", answer.Status, body)
	if answer.StatusCode/100 != 2 {
		ts.Fatalf("%s was refused", args[0])
	}
}
