//go:build limitd_next

package httpapi

import (
	"net/http"

	"github.com/limitd/limitd/fsm/command"
)

// routesToCome are routes that only a build with the tag limitd_next has
// (fsm/command/next.go).
func routesToCome() []route {
	return []route{{method: http.MethodPost, pattern: "/v1/cluster/rehearse", handle: (*call).rehearse, needs: operates}}
}

// rehearse serves POST /v1/cluster/rehearse.
func (c *call) rehearse() error {
	if _, err := c.write(&command.Rehearse{}); err != nil {
		return err
	}
	return c.empty()
}
