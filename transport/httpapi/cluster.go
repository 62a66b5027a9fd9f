package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// getCluster serves GET /v1/cluster. It answers at once from what this node
// knows, because it is asked when something is wrong with the others.
func (c *call) getCluster() error {
	out, err := c.api.cfg.Cluster.Status(c.r.Context())
	if err != nil {
		return c.backendError(err, wire.CodeNoLeader)
	}
	c.stale = true
	_, err = c.view(func(s *limit.State) {
		out.ClusterID = wire.UUID(s.ClusterID())
		out.Rules = s.Rules()
		out.Time = strconv.FormatInt(s.Time(), 10)
		out.Quarantine = positive(s.Quarantine())
	})
	if err != nil {
		return err
	}
	out.Nodes = notNil(out.Nodes)
	return c.json(http.StatusOK, out)
}

// verify serves POST /v1/cluster/verify.
func (c *call) verify() error {
	if err := c.decodeOptional(noFields); err != nil {
		return err
	}
	answer, err := c.run("", &command.Verify{})
	if err != nil {
		return err
	}
	if p, ok := answer.Result.(*command.Problem); ok {
		return c.refusal(p)
	}
	ctx, cancel := c.limited()
	defer cancel()
	digests, missing, err := c.api.cfg.Cluster.Digests(ctx, answer.Index)
	if err != nil {
		return c.backendError(err, wire.CodeNoLeader)
	}
	if digests == nil {
		digests = map[string]string{}
	}
	out := wire.Verification{Equal: len(digests) > 0, Index: answer.Index, Digests: digests, Missing: notNil(missing)}
	first := ""
	for _, d := range digests {
		if first == "" {
			first = d
		}
		out.Equal = out.Equal && d == first
	}
	return c.json(http.StatusOK, out)
}

// transfer serves POST /v1/cluster/transfer.
func (c *call) transfer() error {
	to := ""
	err := c.decodeOptional(func(r *strict.Reader) {
		if !r.Object() {
			return
		}
		for r.Field() {
			switch string(r.Key()) {
			case "to":
				before := r.Faults()
				if to = r.Text(); to == "" && r.Faults() == before {
					r.Fault("must name a node; leave it out, and the leader chooses")
				}
			default:
				r.Unknown("to")
			}
		}
	})
	if err != nil {
		return err
	}
	ctx, cancel := c.limited()
	defer cancel()
	if err := c.api.cfg.Cluster.Transfer(ctx, to); err != nil {
		return c.nodeError(err, to)
	}
	return c.empty()
}

// leave serves POST /v1/cluster/leave.
func (c *call) leave() error {
	if err := c.decodeOptional(noFields); err != nil {
		return err
	}
	ctx, cancel := c.limited()
	defer cancel()
	if err := c.api.cfg.Cluster.Leave(ctx); err != nil {
		return c.backendError(err, wire.CodeOutcomeUnknown)
	}
	return c.empty()
}

// removeNode serves DELETE /v1/cluster/nodes/{name}.
func (c *call) removeNode() error {
	ctx, cancel := c.limited()
	defer cancel()
	if err := c.api.cfg.Cluster.Remove(ctx, c.param); err != nil {
		return c.nodeError(err, c.param)
	}
	return c.empty()
}

// setRole serves PATCH /v1/cluster/nodes/{name}.
func (c *call) setRole() error {
	role := ""
	err := c.decode(func(r *strict.Reader) {
		if !r.Object() {
			return
		}
		for r.Field() {
			switch string(r.Key()) {
			case "role":
				role = r.Text()
			default:
				r.Unknown("role")
			}
		}
	}, wire.TypeMergePatch)
	if err != nil {
		return err
	}
	if role != wire.RoleVoter && role != wire.RoleNonvoter {
		return invalid([]wire.FieldError{{Field: "role", Detail: fmt.Sprintf("is %q: say %q or %q", role, wire.RoleVoter, wire.RoleNonvoter)}})
	}
	ctx, cancel := c.limited()
	defer cancel()
	if err := c.api.cfg.Cluster.SetRole(ctx, c.param, role); err != nil {
		return c.nodeError(err, c.param)
	}
	return c.empty()
}

// getAutopilot serves GET /v1/cluster/autopilot.
func (c *call) getAutopilot() error {
	ctx, cancel := c.limited()
	defer cancel()
	out, err := c.api.cfg.Cluster.Autopilot(ctx)
	if err != nil {
		return c.backendError(err, wire.CodeNoLeader)
	}
	out.Nodes, out.Outside = notNil(out.Nodes), notNil(out.Outside)
	return c.json(http.StatusOK, out)
}

// nodeError is backendError for an operation on the node of that name.
func (c *call) nodeError(err error, name string) error {
	err = c.backendError(err, wire.CodeOutcomeUnknown)
	var p *wire.Problem
	if errors.As(err, &p) && p.Code == wire.CodeNodeNotFound {
		p.Detail = fmt.Sprintf("no node is named %q", name)
		p.Hint = "GET /v1/cluster lists the nodes"
	}
	return err
}
