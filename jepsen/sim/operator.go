package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the body: %w", err)
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+n.name+":7480"+path, content)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	r.Header.Set("Content-Type", wire.TypeJSON)
	answer, err := o.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if answer.StatusCode/100 != 2 {
		p := &problem{status: answer.Status, path: path}
		_ = json.Unmarshal(text, &p.Problem) // what is no problem has no code
		return p
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
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

// problem is an answer that is none of the 200s.
type problem struct {
	wire.Problem
	status, path string
}

// Error words it.
func (p *problem) Error() string { return fmt.Sprintf("%s: %s: %s", p.path, p.status, p.Detail) }
