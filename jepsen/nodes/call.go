package nodes

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/limitd/limitd/transport/wire"
)

// Answer is what a node answered to one HTTP request.
type Answer struct {
	Status int
	Index  uint64 // Limitd-Index: the log index that the answer is true at
	Time   int64  // Limitd-Time: cluster time, ns
	Body   []byte
	TLS    *tls.ConnectionState // nil: the answer came without TLS
}

// Call sends one request to a node. A nil body sends none.
func (n *Node) Call(ctx context.Context, method, path string, body any) (Answer, error) {
	return n.As(ctx, "", method, path, body)
}

// As is Call with a header Authorization; "": with what the transport shows.
func (n *Node) As(ctx context.Context, authorization, method, path string, body any) (Answer, error) {
	r := request{method: method, path: path, authorization: authorization}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return Answer{}, fmt.Errorf("encode the body: %w", err)
		}
		r.contentType, r.body = wire.TypeJSON, b
	}
	return n.send(ctx, r)
}

// Send sends one request with a body as it is; an empty one has no type.
func (n *Node) Send(ctx context.Context, method, path, contentType string, body []byte) (Answer, error) {
	return n.send(ctx, request{method: method, path: path, contentType: contentType, body: body})
}

// Knock has the next request to any node begin with a new connection.
func (n *Node) Knock() { n.caller.CloseIdleConnections() }

// request is one HTTP request; what is "" is not sent.
type request struct {
	method, path, authorization, contentType string
	body                                     []byte
}

func (n *Node) send(ctx context.Context, q request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, n.URL()+q.path, bytes.NewReader(q.body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	if q.authorization != "" {
		req.Header.Set("Authorization", q.authorization)
	}
	resp, err := n.caller.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, TLS: resp.TLS}
	a.Index, _ = strconv.ParseUint(resp.Header.Get(wire.HeaderIndex), 10, 64)
	a.Time, _ = strconv.ParseInt(resp.Header.Get(wire.HeaderTime), 10, 64)
	a.Body, err = io.ReadAll(resp.Body)
	return a, err
}

// Must is Call for what has to succeed: it decodes the body of a 2xx answer
// into v (nil: not at all) and returns an error for all else.
func (n *Node) Must(ctx context.Context, method, path string, body, v any) (Answer, error) {
	a, err := n.Call(ctx, method, path, body)
	if err != nil {
		return a, err
	}
	if a.Status/100 != 2 {
		return a, fmt.Errorf("%s %s at %s: %d %s", method, path, n.Name, a.Status, a.Body)
	}
	if v == nil {
		return a, nil
	}
	return a, json.Unmarshal(a.Body, v)
}

// NamedLeader returns the name of the leader that the node knows of.
func (n *Node) NamedLeader(ctx context.Context) (string, error) {
	var c wire.Cluster
	_, err := n.Must(ctx, http.MethodGet, "/v1/cluster", nil, &c)
	return c.Leader, err
}
