package trace

import (
	"context"
	"slices"
	"testing"
)

const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestParse(t *testing.T) {
	for header, want := range map[string]bool{
		good:                     true,
		"01" + good[2:] + "-new": true, // of a later version, with more behind
		"01" + good[2:]:          true,
		"":                       false,
		"00-4bf92f35":            false,
		good + "-more":           false, // version 00 has no more
		"01" + good[2:] + "new":  false,
		"ff" + good[2:]:          false,
		"00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g": false,
	} {
		p, ok := Parse(header)
		if ok != want {
			t.Errorf("%q: %v", header, ok)
		}
		if ok && (p.String() != header || p.TraceID() != "4bf92f3577b34da6a3ce929d0e0e4736" || p.SpanID() != "00f067aa0ba902b7") {
			t.Errorf("%q: %s %s %s", header, p, p.TraceID(), p.SpanID())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(t *testing.T, header string) {
		if p, ok := Parse(header); ok && (len(p.TraceID()) != 32 || len(p.SpanID()) != 16 || p.String() != header) {
			t.Errorf("%q", header)
		}
	})
}

func TestContext(t *testing.T) {
	if got := Args(context.Background()); got != nil {
		t.Errorf("of no trace: %v", got)
	}
	p, _ := Parse(good)
	got := Args(With(context.Background(), p))
	if !slices.Equal(got, []any{"trace_id", p.TraceID(), "span_id", p.SpanID()}) {
		t.Error(got)
	}
}
