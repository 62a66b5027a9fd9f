package httpapi

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Time limits of a connection. A whole request or answer has none, because a
// long poll may be silent for a day; reading a body and writing a long answer
// have their own (call.go).
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 5 * time.Minute
	bodyTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	maxHeaders    = 64 << 10 // bytes
	maxStreams    = 1_000    // long polls of one HTTP/2 connection
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
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaders,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          a.cfg.Logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}
