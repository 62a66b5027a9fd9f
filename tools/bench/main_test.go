package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/tools/bench/load"
)

func TestParse(t *testing.T) {
	b, err := parse([]string{"-callers", "3,5", "-parts", "locks,growth", "-for", "1s", "-redis", ""})
	if err != nil || !slices.Equal(b.callers, counts{3, 5}) || !slices.Equal(b.parts, []string{"locks", "growth"}) || b.length != time.Second || b.rounds != 6 {
		t.Errorf("%+v, %v", b, err)
	}
	for _, wrong := range []string{"-callers=0", "-parts=all", "-rounds=0", "-for=0s", "word"} {
		if _, err := parse([]string{wrong}); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestSteps(t *testing.T) {
	for most, want := range map[int][]int{1: {1}, 5: {1, 5}, 1000: {1, 1000}, 20_000: {1, 1000, 20_000}, 1_000_000: {1, 1000, 100_000, 1_000_000}} {
		if got := steps(most); !slices.Equal(got, want) {
			t.Errorf("up to %d: %v", most, got)
		}
	}
}

func TestAims(t *testing.T) {
	slow, fast := outcome{perSecond: load.Series{10, 20}}, outcome{perSecond: load.Series{30, 40}}
	for _, test := range []struct {
		a    aim
		want string
	}{
		{faster("", 2.5, fast, slow), "met"}, // rounds of 3 and 2
		{faster("", 2.6, fast, slow), "missed"},
		{faster("", 1, fast, outcome{}), "not measured"},
		{aim{bound: 5, atMost: true, measured: load.Series{5}}, "met"},
		{aim{bound: 5, atMost: true, measured: load.Series{5.1}}, "missed"},
	} {
		if got := test.a.met(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.a, got, test.want)
		}
	}
}

// TestOneByOne has a caller acquire, release, meet a refusal, and go on over a
// new connection when the old one breaks.
func TestOneByOne(t *testing.T) {
	var told []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = append(told, r.URL.Path)
		switch len(told) {
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			panic(http.ErrAbortHandler)
		}
		if r.URL.Path == "/v1/acquire" {
			_, _ = w.Write([]byte(`{"granted":true,"token":812,"ttl":"60s"}`))
			return
		}
		_, _ = w.Write([]byte(`{"released":true}`))
	}))
	defer server.Close()
	c, err := newOneByOne(strings.TrimPrefix(server.URL, "http://"), "free", "0s")(0)
	if err != nil {
		t.Fatal(err)
	}
	for i, ok := range []bool{true, true, false, false, true} {
		if err := c.Do(t.Context()); (err == nil) != ok {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	want := []string{"/v1/acquire", "/v1/release", "/v1/acquire", "/v1/acquire", "/v1/acquire", "/v1/release"}
	if !slices.Equal(told, want) {
		t.Errorf("asked for %v", told)
	}
}
