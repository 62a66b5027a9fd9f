package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// operator is who runs the cluster: it calls the routes about the cluster
// itself, from a machine of its own that no fault touches.
type operator struct {
	cluster *Cluster
	client  *http.Client
}

// operatorTimeout bounds one call.
const operatorTimeout = 5 * time.Second

// call sends a request to a node and decodes the answer into out, if not nil.
func (o operator) call(ctx context.Context, n *node, method, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, operatorTimeout)
	defer cancel()
	var content []byte
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the body: %w", err)
		}
		content = b
	}
	a, err := o.send(ctx, n, method, path, wire.TypeJSON, content)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(a.body, out)
}

// answer is an answer of the 200s.
type answer struct {
	status int
	index  uint64
	time   int64 // cluster time, ns
	body   []byte
}

// send sends a request with a body as it is. Another answer than one of the
// 200s is a problem.
func (o operator) send(ctx context.Context, n *node, method, path, contentType string, body []byte) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.name+":7480"+path, bytes.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("%s %s: %w", method, path, err)
	}
	r.Header.Set("Content-Type", contentType)
	got, err := o.client.Do(r)
	if err != nil {
		return a, err
	}
	defer func() { _ = got.Body.Close() }()
	a.status = got.StatusCode
	a.index, _ = strconv.ParseUint(got.Header.Get(wire.HeaderIndex), 10, 64)
	a.time, _ = strconv.ParseInt(got.Header.Get(wire.HeaderTime), 10, 64)
	if a.body, err = io.ReadAll(got.Body); err != nil {
		return a, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if a.status/100 != 2 {
		p := &problem{status: got.Status, path: path}
		_ = json.Unmarshal(a.body, &p.Problem) // what is no problem has no code
		return a, p
	}
	return a, nil
}

// leader returns the node that most of what nodes say points to, or nil.
func (o operator) leader(ctx context.Context) *node {
	var term uint64
	var found *node
	for _, n := range o.cluster.members() {
		var said wire.Cluster
		if n.running() == nil || o.call(ctx, n, http.MethodGet, "/v1/cluster", nil, &said) != nil || said.Term < term {
			continue
		}
		for _, m := range o.cluster.members() {
			if m.name == said.Leader {
				term, found = said.Term, m
			}
		}
	}
	return found
}

// views returns the membership as each machine but one knows it; those that
// belong to no cluster, or do not answer, have none.
func (o operator) views(ctx context.Context, but *node) (list [][]wire.Node) {
	for _, n := range o.cluster.members() {
		var said wire.Cluster
		if n == but || n.running() == nil || o.call(ctx, n, http.MethodGet, "/v1/cluster", nil, &said) != nil || len(said.Nodes) == 0 {
			continue
		}
		list = append(list, said.Nodes)
	}
	return list
}

// problem is an answer that is none of the 200s.
type problem struct {
	wire.Problem
	status, path string
}

// Error words it.
func (p *problem) Error() string { return fmt.Sprintf("%s: %s: %s", p.path, p.status, p.Detail) }
