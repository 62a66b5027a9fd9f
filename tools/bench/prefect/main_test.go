package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	b, err := parse([]string{"-quick"})
	if err != nil || b.size != quick() || !slices.Equal(b.parts, []string{"cycles", "jobs", "rates", "wire"}) {
		t.Errorf("%+v, %v", b, err)
	}
	b, err = parse([]string{"-parts", "kills,wire"})
	if err != nil || b.size != full() || !slices.Equal(b.parts, []string{"kills", "wire"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, wrong := range []string{"-parts=all", "-systems=limitd,other", "word"} {
		if _, err := parse([]string{wrong}); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestAdmit(t *testing.T) {
	var r report
	text := `{"begin": 1, "said": [[2, 13], [0, 10.5], [0, 11.5], [0, 12.5], [1, 11.1], [3, 70.6], [3, 70.4]], "failed": []}`
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	got := admit(r.Said, 5, time.Minute)
	want := admission{total: 6, least: 0, most: 3, none: 1, passed: 4}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if r.last() != 69600*time.Millisecond {
		t.Errorf("the last after %v", r.last())
	}
	if got := admit(nil, 5, time.Minute); got.none != 5 || got.total != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestTable(t *testing.T) {
	b := table{columns: []string{"a", "b"}}
	b.set("first", "b", "1")
	b.set("second", "a", "2")
	b.set("first", "a", "3")
	var out strings.Builder
	b.write(&out)
	const want = "| | a | b |\n|---|---|---|\n| first | 3 | 1 |\n| second | 2 | - |\n"
	if out.String() != want {
		t.Errorf("%s, want %s", out.String(), want)
	}
}

// TestWire has a caller go through the floor, and meet a limit that is missing.
func TestWire(t *testing.T) {
	s := startFloor()
	defer s.Close()
	c := &wireCaller{address: s.address}
	defer c.Close()
	if err := c.Do(t.Context()); !errors.Is(err, errAnswer) {
		t.Errorf("without a limit: %v", err)
	}
	if err := errors.Join(s.createLimit(t.Context(), "wire", 1, 0), s.activate(t.Context(), "wire")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Do(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if n, err := s.occupied(t.Context(), "wire"); n != 0 || err != nil {
		t.Errorf("%d occupied, %v", n, err)
	}
}
