package httpapi_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// serve starts a real server of the world's API on a loopback address.
func serve(t *testing.T, w *world) (server *http.Server, url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server = w.api.HTTPServer()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != http.ErrServerClosed {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return server, "http://" + listener.Addr().String()
}

func TestHangUpOverTCP(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"holder","limits":[{"name":"db"}]}`).must(200)
	_, url := serve(t, c.w)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"limits":[{"name":"db"}],"wait":"1h"}`
	_, err = io.WriteString(conn, "POST /v1/acquire HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 38\r\n\r\n"+body)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return len(c.queue()) == 1 })
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return len(c.queue()) == 0 })
}

// until waits for a condition that other goroutines bring about.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-time.After(time.Millisecond):
		}
	}
}

// A long poll outlives all time limits of reading, over both protocols, and
// ends when the server drains.
func TestShutdownEndsWaits(t *testing.T) {
	c := newCaller(t)
	c.post("/v1/limits", `{"name":"db","slots":1}`).must(201)
	c.post("/v1/acquire", `{"id":"holder","limits":[{"name":"db"}]}`).must(200)
	server, url := serve(t, c.w)
	results := make(chan *http.Response, 2)
	for i, set := range []func(*http.Protocols, bool){(*http.Protocols).SetHTTP1, (*http.Protocols).SetUnencryptedHTTP2} {
		protocols := new(http.Protocols)
		set(protocols, true)
		transport := &http.Transport{Protocols: protocols}
		defer transport.CloseIdleConnections()
		go func() {
			body := `{"id":"w` + string(rune('0'+i)) + `","limits":[{"name":"db"}],"wait":"1h"}`
			res, err := (&http.Client{Transport: transport}).Post(url+"/v1/acquire", wire.TypeJSON, strings.NewReader(body))
			if err != nil {
				t.Error(err)
			}
			results <- res
		}()
	}
	until(t, func() bool { return len(c.queue()) == 2 })
	c.w.api.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	seen := map[int]bool{}
	for range 2 {
		res := <-results
		if res == nil {
			continue
		}
		seen[res.ProtoMajor] = true
		if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
			t.Errorf("%s %v", res.Status, res.Header)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if !seen[1] || !seen[2] {
		t.Errorf("protocols %v", seen)
	}
}

// A body that stops coming is answered, and its connection closed, when its
// time is over.
func TestABodyThatStalls(t *testing.T) {
	for _, tt := range []struct{ request, typ, status, says string }{
		{"POST /v1/acquire", wire.TypeJSON, "400", "did not come within 30s"},
		{"PUT /v1/snapshot", wire.TypeSnapshot, "400", ""},
		{"POST /v1/acquire", "text/plain", "415", ""},
		{"POST /v1/nowhere", wire.TypeJSON, "404", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			caller, end := serveOne(t)
			_, err := io.WriteString(caller, tt.request+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+tt.typ+"\r\nContent-Length: 100\r\n\r\n{")
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			answer, err := io.ReadAll(caller)
			if took := time.Since(begun); err != nil || took != 30*time.Second || !strings.HasPrefix(string(answer), "HTTP/1.1 "+tt.status) ||
				!strings.Contains(string(answer), tt.says) {
				t.Errorf("%s: after %v: %v, %s", tt.request, took, err, answer)
			}
			end()
		})
	}
}

// serveOne serves one connection, and returns its caller's end of it. end ends the
// server.
func serveOne(t *testing.T) (caller net.Conn, end func()) {
	t.Helper()
	caller, conn := net.Pipe()
	server := newWorld(t).api.HTTPServer()
	listener := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	listener.conn <- conn
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return caller, func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestAStreamThatNobodyReads has callers over HTTP/2 allow no byte of an answer: its
// stream ends when the time to take it is over, however short it is.
func TestAStreamThatNobodyReads(t *testing.T) {
	for _, path := range []string{"/livez", "/v1/openapi.yaml", "/metrics", "/v1/snapshot", "/v1/nowhere"} {
		synctest.Test(t, func(t *testing.T) {
			caller, end := serveOne(t)
			reset := make(chan time.Duration, 1)
			begun := time.Now()
			go func() {
				defer close(reset)
				if awaitReset(caller) {
					reset <- time.Since(begun)
				}
			}()
			if _, err := caller.Write(deafRequest(path)); err != nil {
				t.Fatal(err)
			}
			select {
			case took := <-reset:
				if took != 30*time.Second {
					t.Errorf("%s: the stream ended after %v", path, took)
				}
			case <-time.After(time.Hour):
				t.Errorf("%s: the stream does not end", path)
			}
			_ = caller.Close()
			end()
			<-reset
		})
	}
}

// deafRequest is a connection's first words by HTTP/2 (RFC 9113): no byte of a body is
// allowed, and a GET as stream 1.
func deafRequest(path string) []byte {
	frame := func(kind, flags, stream byte, payload []byte) []byte {
		return append([]byte{0, 0, byte(len(payload)), kind, flags, 0, 0, 0, stream}, payload...)
	}
	const settings, headers, initialWindow, ack, endStream, endHeaders = 4, 1, 4, 1, 1, 4
	fields := append([]byte{0x82, 0x86, 0x04, byte(len(path))}, path...) // :method GET, :scheme http, :path
	fields = append(fields, 0x01, 1, 'x')                                // :authority
	return slices.Concat([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		frame(settings, 0, 0, []byte{0, initialWindow, 0, 0, 0, 0}), frame(settings, ack, 0, nil),
		frame(headers, endStream|endHeaders, 1, fields))
}

// awaitReset reads frames until one resets stream 1.
func awaitReset(conn net.Conn) bool {
	for {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return false
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return false
		}
		const rstStream = 3
		if head[3] == rstStream && head[8] == 1 {
			return true
		}
	}
}
