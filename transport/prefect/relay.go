package prefect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/limitd/limitd/transport/wire"
)

// Where a node asks for tokens, a WebSocket is not passed on as it comes: newer
// clients show theirs in the first message, which the upstream server must not see.
// The node hears it, introduces itself to that server by what the URL of it names,
// and passes on the messages that follow, both ways.

// relay is such a stream.
type relay struct {
	call   *call
	client *websocket.Conn
	server *websocket.Conn // nil until the client is known
	open   atomic.Bool     // messages are passed on, and pings
}

// relay serves a WebSocket of the upstream server. A client that shows its token in
// the request is told by the answer where that server cannot be reached. For one
// that nobody knows the node does not ask it.
func (c *call) relay() error {
	if climbs(c.r.URL) {
		return &failure{kind: noRoute}
	}
	return c.socket(c.passStream)
}

// passStream passes on what either side sends.
func (c *call) passStream(stop <-chan struct{}) error {
	c.upstream = true
	c.w.Header().Set(wire.HeaderNode, c.api.cfg.Node)
	ctx, x := context.WithoutCancel(c.r.Context()), &relay{call: c}
	welcome := c.greeted(ctx, credentials(c.r))
	switch {
	case welcome:
		var err error
		if x.server, err = c.dialUpstream(c.r.Context()); err != nil {
			return err
		}
	case c.r.Header.Get("Sec-WebSocket-Protocol") == "":
		return &failure{kind: unauthorized} // it has no other way to show a token
	}
	if x.accept() {
		x.run(ctx, welcome, stop)
	}
	x.close()
	return nil
}

// accept takes the client's side, if the request for it is a proper one.
func (x *relay) accept() (ok bool) {
	var err error
	x.client, err = websocket.Accept(x.call.w, x.call.r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol},
		// A ping asks whether all that was sent before it has arrived.
		OnPingReceived: func(ctx context.Context, _ []byte) bool { return !x.open.Load() || x.server.Ping(ctx) == nil },
	})
	x.call.status = http.StatusSwitchingProtocols
	if err != nil {
		x.call.status = http.StatusBadRequest // Accept has answered
	}
	return err == nil
}

// run serves the stream until one side, or the node, ends it.
func (x *relay) run(ctx context.Context, welcome bool, stop <-chan struct{}) {
	over := endOn(stop, x.client)
	if code, why := x.introduce(ctx, welcome); why != "" {
		_ = x.client.Close(code, why)
	} else {
		x.passOn(ctx)
	}
	over()
}

// introduce hears who the client is, and makes sure of the server. It returns why
// nothing comes of it.
func (x *relay) introduce(ctx context.Context, welcome bool) (code websocket.StatusCode, why string) {
	ctx, cancel := context.WithTimeout(ctx, introductionTime)
	defer cancel()
	if why := x.call.hear(ctx, x.client, welcome); why != "" {
		return websocket.StatusPolicyViolation, why
	}
	if x.server == nil {
		server, err := x.call.dialUpstream(ctx)
		if err != nil {
			return websocket.StatusTryAgainLater, "the upstream Prefect server cannot be reached"
		}
		x.server = server
	}
	if !tellWelcome(ctx, x.client) {
		return websocket.StatusGoingAway, "gone"
	}
	return 0, ""
}

// passOn passes messages on until one side ends, and ends the other likewise.
func (x *relay) passOn(ctx context.Context) {
	x.client.SetReadLimit(-1) // each message is passed on piece by piece
	x.server.SetReadLimit(-1)
	x.open.Store(true)
	var back sync.WaitGroup
	back.Go(func() { endLike(x.client, convey(ctx, x.client, x.server)) })
	endLike(x.server, convey(ctx, x.server, x.client))
	back.Wait()
}

// close ends what is left of both sides.
func (x *relay) close() {
	for _, conn := range []*websocket.Conn{x.client, x.server} {
		if conn != nil {
			_ = conn.CloseNow() // the stream is over in any case
		}
	}
}

// convey passes on messages, until one of the sides fails.
func convey(ctx context.Context, to, from *websocket.Conn) error {
	piece := make([]byte, 32<<10)
	for {
		kind, message, err := from.Reader(ctx)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(message, piece)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			err = to.Write(ctx, kind, piece[:n])
		case err == nil:
			err = conveyRest(ctx, to, kind, io.MultiReader(bytes.NewReader(piece), message))
		}
		if err != nil {
			return err
		}
	}
}

// conveyRest passes on a message that is longer than a piece.
func conveyRest(ctx context.Context, to *websocket.Conn, kind websocket.MessageType, message io.Reader) error {
	out, err := to.Writer(ctx, kind)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, message); err != nil {
		return err
	}
	return out.Close()
}

// endLike ends one side for the reason that the other one gave.
func endLike(conn *websocket.Conn, err error) {
	var why websocket.CloseError
	switch {
	case !errors.As(err, &why):
		why.Code = websocket.StatusGoingAway
	case why.Code == websocket.StatusNoStatusRcvd:
		why.Code = websocket.StatusNormalClosure
	}
	_ = conn.Close(why.Code, why.Reason) // it may have ended itself
}

// dialUpstream opens the stream at the upstream server, as the user that its URL
// names.
func (c *call) dialUpstream(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.api.cfg.UpstreamTimeout)
	defer cancel()
	out := c.r.Clone(ctx)
	for _, name := range []string{
		"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions",
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	} {
		out.Header.Del(name)
	}
	rewrite(&httputil.ProxyRequest{In: c.r, Out: out}, c.api.cfg.Upstream, true)
	conn, _, err := websocket.Dial(ctx, out.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: c.api.upstream.Transport}, HTTPHeader: out.Header, Subprotocols: []string{subprotocol},
	})
	if err == nil && conn.Subprotocol() == subprotocol {
		err = c.introduceNode(ctx, conn)
	}
	if err != nil {
		c.api.cfg.Logger.Warn("the upstream Prefect server opens no stream", "upstream", c.api.cfg.Upstream.Redacted(), "err", err)
		return nil, c.upstreamIsDown(false)
	}
	return conn, nil
}

// introduceNode shows the upstream server the user and password of its URL, as
// clients show them.
func (c *call) introduceNode(ctx context.Context, conn *websocket.Conn) error {
	hello, reply := introduction{Type: "auth"}, introduction{}
	user := c.api.cfg.Upstream.User
	if password, ok := user.Password(); ok {
		text := user.Username() + ":" + password
		hello.Token = &text
	}
	err := wsjson.Write(ctx, conn, hello)
	if err == nil {
		err = wsjson.Read(ctx, conn, &reply)
	}
	if err == nil && reply.Type != welcomed {
		err = errUnwelcome
	}
	if err == nil {
		return nil
	}
	_ = conn.CloseNow() // nothing comes of it
	return fmt.Errorf("introduce this node by the user and password in prefect.upstream: %w", err)
}

// errUnwelcome says that the upstream server does not take the node for a client.
var errUnwelcome = errors.New("it is not welcome")
