package prefect

import (
	"strings"

	"github.com/coder/websocket"
)

// isSocket tells whether the client asks for a WebSocket.
func (c *call) isSocket() bool { return strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") }

// socket serves a WebSocket; stop is closed when the node shuts down.
func (c *call) socket(serve func(stop <-chan struct{}) error) error {
	stop := make(chan struct{})
	pass, open := c.api.sockets.Enter(func() { close(stop) })
	if !open {
		return c.shuttingDown()
	}
	defer pass.Leave()
	c.api.streams.Add(1)
	defer c.api.streams.Done()
	return serve(stop)
}

// endOn ends a stream once stop is closed. The function that it returns is to be
// called when the stream is over.
func endOn(stop <-chan struct{}, conn *websocket.Conn) (over func()) {
	ended, closed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(closed)
		select {
		case <-stop:
			_ = conn.Close(websocket.StatusGoingAway, "the node is shutting down")
		case <-ended:
		}
	}()
	return func() {
		close(ended)
		<-closed
	}
}
