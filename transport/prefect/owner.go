package prefect

import (
	"net"
	"slices"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/prefect/lax"
	"github.com/limitd/limitd/transport/wire"
)

// holder is what a client says for whom it takes a lease.
type holder struct {
	kind string // flow_run, task_run or deployment
	id   [16]byte
}

// readHolder reads the holder of a lease.
func readHolder(form *lax.Object) (h holder) {
	model := form.Model("holder", lax.Optional)
	if model == nil {
		return h
	}
	h.kind = model.Word("type", lax.Required, "flow_run", "task_run", "deployment")
	h.id = model.UUID("id", lax.Required)
	model.Faults() // notes what the model does not know
	return h
}

// attributions are the headers by which newer clients tell on whose behalf they
// call, sorted by the key that an owner's meta gives them.
func attributions() []command.Pair {
	return []command.Pair{
		{Key: "deployment", Value: "X-Prefect-Deployment-Name"},
		{Key: "deployment_id", Value: "X-Prefect-Deployment-Id"},
		{Key: "flow", Value: "X-Prefect-Flow-Name"},
		{Key: "flow_id", Value: "X-Prefect-Flow-Id"},
		{Key: "worker", Value: "X-Prefect-Worker-Name"},
		{Key: "worker_id", Value: "X-Prefect-Worker-Id"},
	}
}

// owner says who asks, for people who wonder who holds the slots: the run if the
// client tells it, else what calls, and from where.
func (c *call) owner(h holder) command.Owner {
	o := command.Owner{Name: "prefect"}
	if h.kind != "" {
		o.Name = h.kind + ":" + wire.UUID(h.id)
	}
	o.Host, _, _ = net.SplitHostPort(c.r.RemoteAddr)
	for _, a := range attributions() {
		if value := clip(c.r.Header.Get(a.Value)); value != "" {
			o.Meta = append(o.Meta, command.Pair{Key: a.Key, Value: value})
		}
	}
	if agent := clip(c.r.UserAgent()); agent != "" {
		o.Meta = append(o.Meta, command.Pair{Key: "client", Value: agent})
	}
	slices.SortFunc(o.Meta, func(x, y command.Pair) int { return strings.Compare(x.Key, y.Key) })
	return o
}

// clip bounds what a header adds to the replicated state.
func clip(text string) string {
	if len(text) > 256 {
		text = text[:256]
	}
	return strings.ToValidUTF8(text, "")
}
