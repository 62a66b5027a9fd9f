package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// answers gives one answer after the other, and at the end stops who asks.
func answers(stop context.CancelFunc, list ...any) func(printer) (result, error) {
	return func(p printer) (result, error) {
		if len(list) == 0 {
			stop()
			return result{}, context.Canceled
		}
		next := list[0]
		list = list[1:]
		if err, failed := next.(error); failed {
			return result{}, err
		}
		var r result
		for _, word := range strings.Fields(next.(string)) {
			name, _, _ := strings.Cut(word, "=")
			r.items = append(r.items, item{name, word, word})
		}
		r.people = func() error { return p.line("%s", next) }
		return r, nil
	}
}

// watched returns what a watch of these answers writes, and how it ends.
func watched(t *testing.T, format string, list ...any) (stdout, stderr string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var out, errors bytes.Buffer
		w := world{stdout: &out, stderr: &errors}
		begin := time.Now()
		err = watch(ctx, time.Second, watcherFor(ctx, w, printer{out: &out, format: format}, &api{}, ""), answers(stop, list...))
		stdout, stderr = out.String(), errors.String()
		if took := time.Since(begin); ctx.Err() != nil && took != time.Duration(len(list))*time.Second {
			t.Errorf("%d answers took %v", len(list), took)
		}
		stop()
	})
	return stdout, stderr, err
}

func TestWatchTellsChanges(t *testing.T) {
	lost := failf(exitNoLeader, "nobody there")
	for _, test := range []struct {
		name, format   string
		list           []any
		stdout, stderr string
	}{
		{"lines", formatLines, []any{"a=1 b=1", "a=1 b=1", "a=2 b=1", "b=1 c=1", ""}, "\"a=1\"\n\"b=1\"\n\"a=2\"\n\"c=1\"\n{\"deleted\":\"a\"}\n{\"deleted\":\"b\"}\n{\"deleted\":\"c\"}\n", ""},
		{"names", formatName, []any{"a=1", "a=2 b=1", "b=1"}, "a\na\nb\n", ""},
		{"a table", formatTable, []any{"a=1", "a=1", "a=2", "a=1"}, "a=1\n\na=2\n\na=1\n", ""},
		{"an outage", formatLines, []any{"a=1", lost, lost, "a=1", lost, "a=2"}, "\"a=1\"\n\"a=2\"\n", "Error: nobody there\nError: nobody there\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, err := watched(t, test.format, test.list...)
			if err != nil || stdout != test.stdout || stderr != test.stderr {
				t.Errorf("%v, stdout:\n%s\nstderr:\n%s", err, stdout, stderr)
			}
		})
	}
}

// A table in a pipe is not written again because time passes.
func TestWatchWritesNoTableForTime(t *testing.T) {
	var out bytes.Buffer
	w := &repeated{p: printer{out: &out, format: formatTable}}
	look := func(held string, ids ...string) {
		t.Helper()
		p := w.printer()
		shown := result{mark: withoutTimes, people: func() error { return p.line("%s held %s", strings.Join(ids, " "), held) }}
		for _, id := range ids {
			shown.items = append(shown.items, item{id, nil, map[string]string{"id": id, "expires_in": held}})
		}
		if err := w.next(shown); err != nil {
			t.Fatal(err)
		}
	}
	look("0s")
	look("1s")
	look("2s", "a")
	look("3s", "a")
	look("4s", "a", "b")
	look("5s", "b")
	look("6s", "b")
	if want := " held 0s\n\na held 2s\n\na b held 4s\n\nb held 5s\n"; out.String() != want {
		t.Errorf("written:\n%s", out.String())
	}
}

// frames are a screen that keeps all that was drawn.
type frames struct{ list []string }

func (f *frames) Draw(text string) error { f.list = append(f.list, text); return nil }

func (f *frames) Close() { f.list = append(f.list, "closed") }

func TestWatchRedraws(t *testing.T) {
	var shown frames
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		w := &redrawn{p: printer{out: &out, format: formatTable}, screen: &shown, title: func() string { return "title" }}
		if err := watch(ctx, time.Second, w, answers(stop, "a=1", failf(exitNoLeader, "nobody\nthere"), "a=2")); err != nil {
			t.Error(err)
		}
	})
	want := []string{"title\n\na=1\n", "title\nnobody\na=1\n", "title\n\na=2\n", "closed"}
	if !slices.Equal(shown.list, want) {
		t.Errorf("the frames are %q, want %q", shown.list, want)
	}
	if out.String() != "a=2\n" {
		t.Errorf("what stays is %q", out.String())
	}
}

func TestWatchEndsWhereNothingWillMend(t *testing.T) {
	lost, gone := failf(exitNoLeader, "nobody there"), failf(exitNotFound, "no limit")
	if _, _, err := watched(t, formatLines, lost); !errors.Is(err, lost) {
		t.Errorf("nobody there from the start: %v", err)
	}
	if stdout, _, err := watched(t, formatLines, "a=1", gone, "a=2"); !errors.Is(err, gone) || stdout != "\"a=1\"\n" {
		t.Errorf("a limit that was deleted: %v %s", err, stdout)
	}
}

func TestSourceTellsAnOldAnswer(t *testing.T) {
	for _, tt := range []struct{ age, cluster, want string }{
		{"", "", "from n1"},
		{"0.9s", "", "from n1"},
		{"61.04s", `{"leader": "n2"}`, "from n1"}, // nothing has happened
		{"61.04s", `{"leader": ""}`, "from n1, 1m1s old: it has no contact with a leader"},
		{"61.04s", "?", "from n1, its newest record 1m1s old"},
	} {
		a := &api{
			header: http.Header{wire.HeaderNode: {"n1"}, wire.HeaderAge: {tt.age}}, bases: []string{"http://n1"},
			client: &http.Client{Transport: nodesOf{"n1": tt.cluster}},
		}
		if got := a.source(t.Context()); got != tt.want {
			t.Errorf("age %q, %s: %s", tt.age, tt.cluster, got)
		}
	}
}
