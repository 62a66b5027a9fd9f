package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/prefect"
)

// sloth is a client that takes its time, and how long a node lets it.
type sloth struct {
	what    string
	count   int // of such clients at a time
	setting string
	limit   time.Duration
	play    func(net.Conn) error // until the node has closed the connection
}

// sloths are the ways to be slow.
func sloths() []sloth {
	const host = " HTTP/1.1\r\nHost: x\r\n"
	const stranger = host + "Authorization: Bearer limitd_wrong\r\n" // refused before its body is read
	const body = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	increment := "POST " + prefect.Base + "/v2/concurrency_limits/increment" + stranger + body
	return []sloth{
		{"headers, a byte a second", 1, "header_timeout", boundHeader, drip("")},
		{"a body, a byte a second", 1, "body_timeout", boundBody, drip("POST /v1/acquire" + host + body)},
		{"the same as a client of Prefect's with a wrong token", 1, "body_timeout", boundBody, drip(increment)},
		{"requests without end, no answer read", 1, "write_timeout", boundWrite, deaf("GET /v1/version" + host + "\r\n")},
		{"the same, long answers", 1, "write_timeout", boundWrite, deaf("GET /v1/openapi.yaml" + host + "\r\n")},
		{"20 requests by HTTP/2 that allow no byte of an answer", 1, "write_timeout, then idle_timeout", boundWrite + boundIdle, silent(streams(20))},
		{"idle connections, not a word", 50, "header_timeout", boundHeader, silent("")},
		{"idle connections after a request", 50, "idle_timeout", boundIdle, silent("GET /livez" + host + "\r\n")},
	}
}

// tooSlow plays all of them at one node, at the same time.
func (b *bounded) tooSlow(ctx context.Context) error {
	list := sloths()
	took, errs := make([]time.Duration, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for i, x := range list {
		all.Go(func() { took[i], errs[i] = x.cut(ctx, b.first) })
	}
	all.Wait()
	var wrong error
	for i, x := range list {
		if errs[i] == nil && b.whole() && took[i] > x.limit+slack {
			errs[i] = fmt.Errorf("cut after %s, not within %s", round(took[i]), x.limit+slack)
		}
		if errs[i] != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%s: %w", x.what, errs[i]))
			continue
		}
		fmt.Printf("   %s: cut after %.1f s at most (%s, %s)\n", x.what, took[i].Seconds(), x.setting, x.limit)
	}
	return wrong
}

// slack is what a busy machine may add: some of the clients have much to write
// before they are slow.
const slack = 5 * time.Second

// cut plays the clients at a node, and returns after how long the last of them was
// cut. It is an error where one is cut too soon, or not at all.
func (x sloth) cut(ctx context.Context, n *nodes.Node) (longest time.Duration, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range x.count {
		all.Go(func() {
			took, failed := x.once(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			longest, err = max(longest, took), cmp.Or(err, failed)
		})
	}
	all.Wait()
	return longest, err
}

func (x sloth) once(ctx context.Context, n *nodes.Node) (time.Duration, error) {
	begun := time.Now()
	conn, err := knockAt(ctx, n)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	err = x.play(conn)
	took := time.Since(begun)
	const early = 100 * time.Millisecond // the node's time begins before the client's
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return took, fmt.Errorf("not cut within %s", joinTime)
	case took < x.limit-early:
		return took, fmt.Errorf("cut after %s already: %w", round(took), err)
	}
	return took, nil
}

// hear reads until the node closes the connection, and returns why no more can be read.
func hear(conn net.Conn) error {
	_, err := io.Copy(io.Discard, conn)
	return err
}

// silent says something once, and listens.
func silent(text string) func(net.Conn) error {
	return func(conn net.Conn) error {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		return hear(conn)
	}
}

// drip says something, and goes on by a byte a second.
func drip(text string) func(net.Conn) error {
	return func(conn net.Conn) error {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		over := make(chan struct{})
		var dripping sync.WaitGroup
		dripping.Go(func() {
			second := time.NewTicker(time.Second)
			defer second.Stop()
			for {
				_, _ = conn.Write([]byte("G")) // the reads tell
				select {
				case <-over:
					return
				case <-second.C:
				}
			}
		})
		err := hear(conn)
		close(over)
		dripping.Wait()
		return err
	}
}

// deaf says a request over and over, and reads nothing.
func deaf(request string) func(net.Conn) error {
	return func(conn net.Conn) error {
		text := strings.Repeat(request, max(1, 16<<10/len(request)))
		for {
			if _, err := io.WriteString(conn, text); err != nil {
				return err // when the node has closed the connection
			}
		}
	}
}

// streams is a connection's first words by HTTP/2 (RFC 9113): no byte of a body is
// allowed, and so many requests GET /.
func streams(count int) string {
	text := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
		"\x00\x00\x06\x04\x00\x00\x00\x00\x00" + "\x00\x04\x00\x00\x00\x00" + // SETTINGS: INITIAL_WINDOW_SIZE 0
		"\x00\x00\x00\x04\x01\x00\x00\x00\x00" // SETTINGS: acknowledged
	for i := range count {
		text += "\x00\x00\x06\x01\x05\x00\x00\x00" + string([]byte{byte(2*i + 1)}) + "\x82\x86\x84\x01\x01x" // HEADERS: GET http / x
	}
	return text
}

// gauges are what a node tells of itself.
type gauges struct{ connections, goroutines int }

func gaugesOf(ctx context.Context, n *nodes.Node) (g gauges, err error) {
	a, err := n.Must(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return g, err
	}
	read := func(name string) int {
		m := regexp.MustCompile(`(?m)^` + name + ` (\d+)$`).FindSubmatch(a.Body)
		if m == nil {
			err = fmt.Errorf("/metrics of %s lacks %s", n.Name, name)
			return 0
		}
		value, _ := strconv.Atoi(string(m[1]))
		return value
	}
	return gauges{read("limitd_http_connections"), read("go_goroutines")}, err
}

// nothingLeft waits until the node has no more connections and goroutines than before.
func (b *bounded) nothingLeft(ctx context.Context, before gauges) error {
	const spare = 10 // goroutines that come and go by themselves
	return soon(ctx, func() error {
		b.first.Knock() // one connection for this question
		now, err := gaugesOf(ctx, b.first)
		if err != nil {
			return err
		}
		if now.connections > before.connections || now.goroutines > before.goroutines+spare {
			return fmt.Errorf("%s has %d connections and %d goroutines, of %d and %d before", b.first.Name, now.connections, now.goroutines, before.connections, before.goroutines)
		}
		fmt.Printf("   afterwards %d connection and %d goroutines at that node, %d and %d before\n", now.connections, now.goroutines, before.connections, before.goroutines)
		return nil
	})
}
