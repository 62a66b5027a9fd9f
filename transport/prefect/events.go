package prefect

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

// Clients tell of each grant and release by an event, and of a run's log. limitd
// keeps neither; it counts them, so that no client warns that it cannot get rid
// of them.

// subprotocol is what newer clients call their dialect: they introduce themselves
// before the first event.
const subprotocol = "prefect"

const introductionTime = 30 * time.Second

// takeEvents serves POST /events.
func (c *call) takeEvents() error {
	n, err := c.list()
	if err != nil {
		return err
	}
	c.api.metrics.events.Add(float64(n))
	c.empty()
	return nil
}

// takeLogs serves POST /logs.
func (c *call) takeLogs() error {
	n, err := c.list()
	if err != nil {
		return err
	}
	c.api.metrics.logs.Add(float64(n))
	c.json(http.StatusCreated, nil)
	return nil
}

// list reads a body that is a list, and returns its length.
func (c *call) list() (int, error) {
	var list []json.RawMessage
	if json.Unmarshal(c.body, &list) == nil && list != nil {
		return len(list), nil
	}
	return 0, &failure{kind: invalid, faults: []lax.Fault{{
		Type: "list_type", Loc: []any{"body"}, Msg: "Input should be a valid list", Input: c.echo(),
	}}}
}

// eventStream serves GET /events/in, a WebSocket on which a client sends events.
func (c *call) eventStream() error {
	if !c.isSocket() {
		return &failure{kind: noRoute}
	}
	return c.socket(c.takeStream)
}

// takeStream counts what a client sends.
func (c *call) takeStream(stop <-chan struct{}) error {
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		c.status = http.StatusBadRequest // Accept has answered
		return nil
	}
	c.status = http.StatusSwitchingProtocols
	conn.SetReadLimit(wire.MaxBody)
	c.api.metrics.streams.Inc()
	defer c.api.metrics.streams.Dec()
	c.receive(conn, stop)
	return nil
}

// receive counts the events of a stream until one side ends it.
func (c *call) receive(conn *websocket.Conn, stop <-chan struct{}) {
	over := endOn(stop, conn)
	ctx := context.WithoutCancel(c.r.Context())
	if why := c.introduced(ctx, conn); why != "" {
		_ = conn.Close(websocket.StatusPolicyViolation, why)
	} else {
		c.count(ctx, conn)
	}
	over()
	_ = conn.CloseNow() // the stream is over in any case
}

// count reads events until the stream ends.
func (c *call) count(ctx context.Context, conn *websocket.Conn) {
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
		c.api.metrics.events.Inc()
	}
}

// introduced hears who the client is, and returns why it is not let in; one that is
// let in hears of it.
func (c *call) introduced(ctx context.Context, conn *websocket.Conn) (why string) {
	ctx, cancel := context.WithTimeout(ctx, introductionTime)
	defer cancel()
	if why = c.hear(ctx, conn, c.greeted(ctx, credentials(c.r))); why == "" && !tellWelcome(ctx, conn) {
		return "gone"
	}
	return why
}

// hear hears who the client is, and returns why it is not let in. Newer clients tell
// it in the stream; all that can show it in the request do, so that it is welcome then.
func (c *call) hear(ctx context.Context, conn *websocket.Conn, welcome bool) (why string) {
	inRequest := credentials(c.r)
	if conn.Subprotocol() != subprotocol {
		if !welcome && !c.needsNoToken(inRequest) {
			return "Unauthorized"
		}
		return ""
	}
	var hello introduction
	if wsjson.Read(ctx, conn, &hello) != nil || hello.Type != "auth" {
		return "Expected 'auth' message"
	}
	if !welcome && !c.greeted(ctx, hello.token()) && !c.needsNoToken(inRequest+hello.token()) {
		return "Unauthorized"
	}
	return ""
}

// needsNoToken tells whether a client may send events that has shown nothing: newer
// ones that were given PREFECT_API_KEY show it everywhere but here. Where there is no
// upstream server nothing is kept of what they send.
func (c *call) needsNoToken(shown string) bool { return shown == "" && c.api.cfg.Upstream == nil }

// introduction is the first message of newer clients.
type introduction struct {
	Type  string  `json:"type"`
	Token *string `json:"token"`
}

// token returns the token; "" for none.
func (i introduction) token() string {
	if i.Token == nil {
		return ""
	}
	return *i.Token
}

// welcomed is what it is answered.
const welcomed = "auth_success"

// tellWelcome answers an introduction, where the client has made one.
func tellWelcome(ctx context.Context, conn *websocket.Conn) bool {
	return conn.Subprotocol() != subprotocol || wsjson.Write(ctx, conn, map[string]string{"type": welcomed}) == nil
}
