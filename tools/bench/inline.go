package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/limitd/limitd/tools/bench/lean"
	"github.com/limitd/limitd/tools/bench/load"
)

// line counts who has joined a queue, and who was let through.
type line struct{ joined, released atomic.Int64 }

// inLineAtOnce is how many callers may be at work on one queue: it has as many
// waiters more, so that nobody is released before he has joined.
const inLineAtOnce = 64

// inLine stands waiters in a queue and releases holders, in turns: an operation is
// one of the two, and each is one write. A release grants the first in the queue.
type inLine struct {
	*line
	conn *lean.Conn
	puts bool // he has put one in, and lets one through next
	body []byte
}

// newInLine returns what opens such callers.
func newInLine(address string, l *line) func(i int) (load.Caller, error) {
	return func(int) (load.Caller, error) {
		conn, err := lean.Dial(address)
		if err != nil {
			return nil, err
		}
		return &inLine{line: l, conn: conn}, nil
	}
}

// Do is one acquire or one release.
func (c *inLine) Do(context.Context) error {
	path, want := "/v1/acquire", http.StatusAccepted
	if c.puts {
		path, want = "/v1/release", http.StatusOK
		c.body = strconv.AppendInt(append(c.body[:0], `{"id":"`+waiterID...), c.released.Add(1)-1, 10)
		c.body = append(c.body, `"}`...)
	} else {
		c.body = strconv.AppendInt(append(c.body[:0], `{"id":"`+waiterID...), c.joined.Add(1), 10)
		c.body = append(c.body, `","limits":[{"name":"`+limitPrefix+`0"}],"wait":"24h","hold":"0s","linger":"60s"}`...)
	}
	c.puts = !c.puts
	status, answer, err := c.conn.Post(path, c.body)
	if err == nil && status != want {
		err = fmt.Errorf("%s: %w: %d %s", path, errRefused, status, answer)
	}
	return err
}

// Close closes the connection.
func (c *inLine) Close() error { return c.conn.Close() }
