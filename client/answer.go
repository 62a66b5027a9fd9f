package client

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// answer is what a node said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// decode reads an answer of status 200 or 201 into out (nil: 204 is expected),
// one of 202 into late. Its errors are *Error.
func (a answer) decode(out, late any) error {
	into := out
	switch {
	case a.status == http.StatusAccepted && late != nil:
		into = late
	case a.status == http.StatusNoContent && out == nil:
		return nil
	case a.status != http.StatusOK && a.status != http.StatusCreated:
		return a.problem()
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return foreign(a.status, err)
	}
	return nil
}

// problem reads a problem, or what a proxy sent in its place.
func (a answer) problem() error {
	if wire.SpeaksTLS(a.status, a.body) {
		return untrusted("the node speaks https, and was called by http", hintHTTPS)
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if strings.TrimSpace(kind) != wire.TypeProblem {
		return foreign(a.status, nil)
	}
	p := &wire.Problem{}
	if err := json.Unmarshal(a.body, p); err != nil || p.Code == "" {
		return foreign(a.status, err)
	}
	e := fromProblem(p, a.status)
	if e.retry && e.RetryAfter < 0 {
		if s, err := time.ParseDuration(a.header.Get("Retry-After") + "s"); err == nil {
			e.RetryAfter = s
		}
	}
	return e
}
