package prefect

import (
	"strings"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect/lax"
)

// A Prefect server keeps limits of tags and deployments for its own use. Before one,
// such a name is limitd's own only where somebody made that limit: one that exists
// because it was named, through the native API or before there was an upstream
// server, would take the server's place without limiting anything.

// isForeign tells whether limits of these names are the upstream server's own. Some
// of each kind are no one's to judge together: neither server sees both.
func (c *call) isForeign(names ...string) (bool, error) {
	if c.api.upstream == nil {
		return false, nil
	}
	own, foreign := "", ""
	err := c.api.cfg.Backend.ReadAt(c.r.Context(), 0, func(s *limit.State) {
		for _, name := range names {
			l, made := s.Limit(name)
			if isReserved(name) && (!made || l.Implicit) {
				foreign = name
			} else {
				own = name
			}
		}
	})
	switch {
	case err != nil:
		return false, c.backendError(err)
	case own != "" && foreign != "":
		return false, &failure{kind: refused, text: "The limit " + quote(foreign) + " is the upstream Prefect server's, and " + quote(own) +
			" is limitd's: name them in requests apart, or make " + quote(foreign) + " in limitd"}
	}
	return foreign != "", nil
}

// isReserved tells whether a Prefect server keeps limits of such a name itself.
func isReserved(name string) bool {
	return strings.HasPrefix(name, "tag:") || strings.HasPrefix(name, "deployment:")
}

// isForeignParam is isForeign for the limit that the path names; ids that are not
// known here may be the upstream server's, too.
func (c *call) isForeignParam() (bool, error) {
	id, why := lax.ParseUUID(c.param)
	if why != "" || c.api.upstream == nil {
		return c.isForeign(c.param)
	}
	known := false
	err := c.api.cfg.Backend.ReadAt(c.r.Context(), 0, func(s *limit.State) { _, known = s.LimitByID(id) })
	if err != nil {
		return false, c.backendError(err)
	}
	return !known, nil
}
