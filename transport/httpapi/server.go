package httpapi

import (
	"cmp"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Timeouts are the time limits of a connection. A whole request or answer has none,
// because a long poll may be silent for a day.
type Timeouts struct {
	Header time.Duration // for the headers of a request to come; default 10 s
	Body   time.Duration // for its body; of a snapshot, for each piece; default 30 s
	Write  time.Duration // for a caller to take what it is sent, for each piece; default 30 s
	Idle   time.Duration // until the next request; default 5 min
}

func (t Timeouts) orDefaults() Timeouts {
	return Timeouts{
		Header: cmp.Or(t.Header, 10*time.Second),
		Body:   cmp.Or(t.Body, 30*time.Second),
		Write:  cmp.Or(t.Write, 30*time.Second),
		Idle:   cmp.Or(t.Idle, 5*time.Minute),
	}
}

const (
	maxHeaders = 64 << 10 // bytes
	maxStreams = 1_000    // long polls of one HTTP/2 connection
)

// HTTPServer returns a server of the API for HTTP/1.1 and HTTP/2, the latter
// also without TLS. The caller gives it listeners, and shuts it down after
// Drain.
func (a *API) HTTPServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           a,
		ReadHeaderTimeout: a.cfg.Timeouts.Header,
		IdleTimeout:       a.cfg.Timeouts.Idle,
		MaxHeaderBytes:    maxHeaders,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          a.cfg.Logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}
