package httpapi_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/transport/httpapi"
)

// TestCrowdIsBounded opens one connection too many, and then another in the
// place of one that has gone.
func TestCrowdIsBounded(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	crowd := httpapi.NewCrowd(listener, 2, time.Minute, false)
	accepted := make(chan net.Conn)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for conn, err := crowd.Accept(); err == nil; conn, err = crowd.Accept() {
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	dial()
	first := <-accepted
	dial()
	second := <-accepted
	answer, err := http.ReadResponse(bufio.NewReader(dial()), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "1" || !strings.Contains(string(text), `"code":"overloaded"`) {
		t.Errorf("one too many was told %s %v %q, %v", answer.Status, answer.Header, text, err)
	}
	if answer.ContentLength != int64(len(text)) {
		t.Errorf("what one too many is told does not say its length: a reset behind it would spoil it")
	}
	if crowd.Open() != 2 || crowd.Refused() != 1 {
		t.Errorf("%d are open, %d were refused", crowd.Open(), crowd.Refused())
	}
	for range 2 { // closed twice, it leaves once
		_ = first.Close()
	}
	dial()
	third := <-accepted
	if crowd.Open() != 2 {
		t.Errorf("%d are open", crowd.Open())
	}
	_, _, _ = second.Close(), third.Close(), listener.Close()
	<-done
}

// TestWhatNobodyReadsIsCut writes to callers who read nothing.
func TestWhatNobodyReadsIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, conn := net.Pipe()
		defer caller.Close() //nolint:errcheck // nothing is said
		listener := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
		listener.conn <- conn
		accepted, err := httpapi.NewCrowd(listener, 1, 30*time.Second, false).Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close() //nolint:errcheck // the writes tell
		for _, tt := range []struct {
			own, want time.Duration
		}{{0, 30 * time.Second}, {5 * time.Second, 5 * time.Second}, {0, 30 * time.Second}} {
			deadline := time.Time{}
			if tt.own > 0 {
				deadline = time.Now().Add(tt.own)
			}
			if err := accepted.SetDeadline(deadline); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			_, err := accepted.Write([]byte("x"))
			if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took != tt.want {
				t.Errorf("with a deadline of its own after %v a write ended after %v: %v", tt.own, took, err)
			}
		}
	})
}

// TestWhoReadsNothingIsReset: a close alone would leave what was not read, megabytes
// of it, to the kernel to keep until it gives up.
func TestWhoReadsNothingIsReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing comes of it
	caller, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close() //nolint:errcheck // the read tells
	conn, err := httpapi.NewCrowd(listener, 1, 50*time.Millisecond, false).Accept()
	if err != nil {
		t.Fatal(err)
	}
	for piece := make([]byte, 64<<10); err == nil; {
		_, err = conn.Write(piece)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	_ = caller.SetDeadline(time.Now().Add(10 * time.Second)) // as good as never
	if _, err := io.Copy(io.Discard, caller); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("who reads at last ends with %v", err)
	}
}
