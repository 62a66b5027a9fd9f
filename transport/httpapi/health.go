package httpapi

import (
	"net/http"
	"strings"

	"github.com/limitd/limitd/docs"
	"github.com/limitd/limitd/transport/wire"
)

// version serves GET /v1/version.
func (c *call) version() error {
	return c.json(http.StatusOK, wire.Version{
		Version: c.api.cfg.Version,
		API:     []string{"v1"},
		Features: []string{
			"batch", "decay", "explain", "grace", "idempotency", "labels", "numbered",
			"queue", "shadow", "snapshot", "stale_reads", "verify",
		},
	})
}

// openAPI serves GET /v1/openapi.yaml.
func (c *call) openAPI() error {
	c.reply(http.StatusOK, wire.TypeOpenAPI, docs.OpenAPI())
	return nil
}

// live serves GET /livez: the process can serve.
func (c *call) live() error {
	c.reply(http.StatusOK, wire.TypeText, []byte("ok\n"))
	return nil
}

// ready serves GET /readyz: this node should get calls, or why not.
func (c *call) ready() error {
	reasons := c.api.cfg.Ready()
	if c.api.cfg.Gate.Draining() {
		reasons = append(reasons[:len(reasons):len(reasons)], "the node is shutting down")
	}
	if len(reasons) > 0 {
		c.reply(http.StatusServiceUnavailable, wire.TypeText, []byte(strings.Join(reasons, "\n")+"\n"))
		return nil
	}
	c.reply(http.StatusOK, wire.TypeText, []byte("ready\n"))
	return nil
}
