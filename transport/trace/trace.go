// Package trace passes on the trace that a request belongs to: the header
// traceparent of W3C Trace Context. limitd makes no spans of its own; it hands
// the caller's to the leader and writes its ids beside what it logs, so that a
// trace and the logs of all nodes that worked for it find each other.
//
//	if p, ok := trace.Parse(r.Header.Get(trace.Header)); ok {
//		ctx = trace.With(ctx, p)
//	}
//	...
//	logger.Debug("request", append(args, trace.Args(ctx)...)...)
package trace

import (
	"context"
	"strings"
)

// Header is the name of the header, in Go's canonical form.
const Header = "Traceparent"

// Parent is a traceparent that Parse took: version, trace id, span id and flags
// in lower-case hexadecimal, "00-4bf92f35...-00f067aa...-01". The zero Parent is none.
type Parent struct{ text string }

// Lengths of the parts, with the dashes before them.
const (
	endVersion = 2
	endTrace   = endVersion + 1 + 32
	endSpan    = endTrace + 1 + 16
	endFlags   = endSpan + 1 + 2
	// longest is how much of a later version's header is passed on.
	longest = 128
)

// Parse reads a header; false where it is none that the specification allows,
// which is then as if there were none.
func Parse(header string) (Parent, bool) {
	if len(header) < endFlags || len(header) > longest {
		return Parent{}, false
	}
	version := header[:endVersion]
	switch {
	case version == "ff" || version == "00" && len(header) != endFlags:
		return Parent{}, false
	case len(header) > endFlags && header[endFlags] != '-':
		return Parent{}, false
	}
	p := Parent{header}
	for _, part := range []string{version, p.TraceID(), p.SpanID(), header[endSpan+1 : endFlags]} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return Parent{}, false
		}
	}
	dashes := header[endVersion] == '-' && header[endTrace] == '-' && header[endSpan] == '-'
	zeros := strings.Trim(p.TraceID(), "0") == "" || strings.Trim(p.SpanID(), "0") == ""
	return p, dashes && !zeros
}

// String returns the header's value.
func (p Parent) String() string { return p.text }

// TraceID returns the trace's id, 32 digits.
func (p Parent) TraceID() string { return p.text[endVersion+1 : endTrace] }

// SpanID returns the id of the caller's span, 16 digits.
func (p Parent) SpanID() string { return p.text[endTrace+1 : endSpan] }

type key struct{}

// With returns a context of work that belongs to p.
func With(ctx context.Context, p Parent) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns what the work of ctx belongs to.
func From(ctx context.Context) (Parent, bool) {
	p, ok := ctx.Value(key{}).(Parent)
	return p, ok
}

// Args returns what a log line says of the trace: trace_id and span_id, or nothing.
func Args(ctx context.Context) []any {
	p, ok := From(ctx)
	if !ok {
		return nil
	}
	return []any{"trace_id", p.TraceID(), "span_id", p.SpanID()}
}
