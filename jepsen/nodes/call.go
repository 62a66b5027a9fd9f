package nodes

import (
	"bytes"
	"context"
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
}

// Call sends one request to a node. A nil body sends none.
func (n *Node) Call(ctx context.Context, method, path string, body any) (Answer, error) {
	if body == nil {
		return n.Send(ctx, method, path, "", nil)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return Answer{}, fmt.Errorf("encode the body: %w", err)
	}
	return n.Send(ctx, method, path, wire.TypeJSON, b)
}

// Send sends one request with a body as it is; an empty one has no type.
func (n *Node) Send(ctx context.Context, method, path, contentType string, body []byte) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, n.URL()+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := n.caller.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode}
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
