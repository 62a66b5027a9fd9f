// Package lean is an HTTP/1.1 client that costs next to nothing, so that on a
// machine that runs servers and callers alike the servers are measured.
//
//	c, err := lean.Dial("127.0.0.1:7480")
//	status, body, err := c.Post("/v1/release", []byte(`{"token": 1}`))
//
// It sends one request at a time over one connection, and reads answers that
// have a Content-Length, or no body by their status. Nothing else of HTTP is in it.
package lean

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// Conn is one connection. It is used by one goroutine.
type Conn struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	body []byte
	host string
}

// ErrAnswer says that an answer is not one that this client reads.
var ErrAnswer = errors.New("lean: an answer that cannot be read")

// errNoLength is an ErrAnswer, unless an answer of its status has no body.
var errNoLength = fmt.Errorf("%w: it has no Content-Length", ErrAnswer)

const lengthHeader = "Content-Length: "

// Dial connects to a host:port.
func Dial(address string) (*Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("lean: %w", err)
	}
	return &Conn{conn: conn, in: bufio.NewReader(conn), host: address}, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Post sends body as JSON and returns the answer, whose bytes are good until
// the next call. After an error the connection must not be used any more.
func (c *Conn) Post(path string, body []byte) (status int, answer []byte, err error) {
	c.out = append(c.out[:0], "POST "...)
	c.out = append(c.out, path...)
	c.out = append(c.out, " HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.host...)
	c.out = append(c.out, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, nil, fmt.Errorf("lean: send: %w", err)
	}
	return c.read()
}

func (c *Conn) read() (status int, answer []byte, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("lean: read the status: %w", err)
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, nil, fmt.Errorf("%w: it begins with %q", ErrAnswer, line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	n, err := c.length()
	if status == http.StatusNoContent && errors.Is(err, errNoLength) {
		n, err = 0, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if cap(c.body) < n {
		c.body = make([]byte, n)
	}
	answer = c.body[:n]
	if _, err := io.ReadFull(c.in, answer); err != nil {
		return 0, nil, fmt.Errorf("lean: read the body: %w", err)
	}
	return status, answer, nil
}

// length reads the headers and returns the Content-Length.
func (c *Conn) length() (int, error) {
	n := -1
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("lean: read the headers: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if len(line) > len(lengthHeader) && bytes.EqualFold(line[:len(lengthHeader)], []byte(lengthHeader)) {
			if n, err = strconv.Atoi(string(line[len(lengthHeader):])); err != nil {
				return 0, fmt.Errorf("%w: %w", ErrAnswer, err)
			}
		}
	}
	if n < 0 {
		return 0, errNoLength
	}
	return n, nil
}
