package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// decode reads the body, which must be JSON or one of the other media types,
// and has read walk it. It returns a problem that tells all that is wrong.
func (c *call) decode(read func(*strict.Reader), more ...string) error {
	if err := c.checkType(append(more, wire.TypeJSON)); err != nil {
		return err
	}
	if err := c.readBody(); err != nil {
		return err
	}
	c.in.Reset(c.body)
	read(&c.in)
	return invalid(c.in.Close())
}

// decodeOptional is decode for a body that may be absent.
func (c *call) decodeOptional(read func(*strict.Reader)) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	return c.decode(read)
}

// noFields walks a body that has no fields.
func noFields(r *strict.Reader) {
	if !r.Object() {
		return
	}
	for r.Field() {
		r.Unknown("none")
	}
}

func (c *call) checkType(accepted []string) error {
	given := c.r.Header.Get("Content-Type")
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		p := wire.NewProblem(wire.CodeUnsupportedMediaType, "the body is encoded as "+coding)
		p.Hint = "send it as it is"
		return p
	}
	if given == wire.TypeJSON && slices.Contains(accepted, given) {
		return nil
	}
	base, params, err := mime.ParseMediaType(given)
	charset := params["charset"]
	if err == nil && slices.Contains(accepted, base) && (charset == "" || charset == "utf-8" || charset == "UTF-8") {
		return nil
	}
	p := wire.NewProblem(wire.CodeUnsupportedMediaType, "the body's Content-Type is "+quoteOr(given, "missing"))
	p.Hint = "send Content-Type: " + accepted[len(accepted)-1]
	return p
}

func quoteOr(text, empty string) string {
	if text == "" {
		return empty
	}
	return `"` + text + `"`
}

// limitBody gives the body its time to come. The limit stays until all of it was
// read: of what nobody reads net/http reads on before it sends the answer.
func (c *call) limitBody(until time.Time) {
	_ = http.NewResponseController(c.w).SetReadDeadline(until)
}

// readBody reads the whole body into c.body.
func (c *call) readBody() error {
	if c.r.ContentLength > wire.MaxBody {
		return c.bodyTooLarge()
	}
	b := slices.Grow(c.body[:0], int(max(c.r.ContentLength+1, 512)))
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		n, err := c.r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		c.body = b
		switch {
		case len(b) > wire.MaxBody:
			return c.bodyTooLarge()
		case errors.Is(err, io.EOF):
			c.limitBody(time.Time{})
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			p := wire.NewProblem(wire.CodeInvalidRequest, "the body did not come within "+c.api.cfg.Timeouts.Body.String())
			p.Hint = "send it faster; the node's http.body_timeout says how long it waits"
			return p
		case err != nil:
			return wire.NewProblem(wire.CodeInvalidRequest, "the body ended before it was complete")
		}
	}
}

func (c *call) bodyTooLarge() error {
	c.header("Connection", "close")
	p := wire.NewProblem(wire.CodeBodyTooLarge, "a body may have at most 1 MiB")
	p.Hint = "spread it over several requests"
	return p
}

// appender is a body that writes itself.
type appender interface{ AppendJSON([]byte) []byte }

// json answers with v.
func (c *call) json(status int, v any) error {
	if err := c.encode(v); err != nil {
		return err
	}
	c.reply(status, wire.TypeJSON, c.out)
	return nil
}

// encode writes v and a newline into c.out.
func (c *call) encode(v any) error {
	b, err := appendBody(c.out[:0], v)
	c.out = append(b, '\n')
	return err
}

// appendBody appends v as JSON.
func appendBody(b []byte, v any) ([]byte, error) {
	if v, ok := v.(appender); ok {
		return v.AppendJSON(b), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// empty answers that it is done, without a body.
func (c *call) empty() error {
	c.head(http.StatusNoContent)
	return nil
}
