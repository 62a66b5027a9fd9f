package prefect

import (
	"net/http"
	"regexp"
	"strings"
)

// What a client asks the server about itself.

// newest is the version told to clients that do not say their own: they warn
// where the server's is below, and fail where its major is another.
const newest = "3.99.0"

// agentVersion finds the version of Prefect that a client is.
var agentVersion = regexp.MustCompile(`^prefect/([0-9][0-9A-Za-z.+-]*)`)

// serverVersion serves GET /admin/version: the client's own.
func (c *call) serverVersion() error {
	version := newest
	if found := agentVersion.FindStringSubmatch(c.r.UserAgent()); found != nil {
		version = found[1]
	}
	c.json(http.StatusOK, version)
	return nil
}

// serverSettings serves GET /admin/settings: nobody sends anything about the use
// of this server to anybody.
func (c *call) serverSettings() error {
	c.json(http.StatusOK, map[string]any{"server": map[string]any{"analytics_enabled": false}})
	return nil
}

// health serves GET /health: the process answers.
func (c *call) health() error {
	c.json(http.StatusOK, true)
	return nil
}

// ready serves GET /ready.
func (c *call) ready() error {
	reasons := c.api.cfg.Ready()
	if c.api.cfg.Gate.Draining() {
		reasons = append(reasons, "shutting down")
	}
	if len(reasons) > 0 {
		c.json(http.StatusServiceUnavailable, map[string]string{"message": strings.Join(reasons, "; ")})
		return nil
	}
	c.json(http.StatusOK, map[string]string{"message": "OK"})
	return nil
}

// hello serves GET /hello.
func (c *call) hello() error {
	c.json(http.StatusOK, "👋")
	return nil
}

// apiVersion serves GET /version: of the API that all of Prefect 2 and 3 speaks.
func (c *call) apiVersion() error {
	c.json(http.StatusOK, "0.8.4")
	return nil
}
