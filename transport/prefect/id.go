package prefect

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"

	"github.com/limitd/limitd/transport/wire"
)

// minted begins every id that limitd makes here: a UUID of version 8, whose first
// 48 bits are a name. So a lease of limitd is told from one of a Prefect server.
const minted = "limitd"

// newID returns a new id of a lease or a request: a UUID with 74 random bits.
func (a *API) newID() (string, error) {
	var id [16]byte
	if _, err := io.ReadFull(a.cfg.Rand, id[len(minted):]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	copy(id[:], minted)
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return wire.UUID(id), nil
}

// isMinted tells whether id was made by newID, on whatever node.
func isMinted(id [16]byte) bool {
	return string(id[:len(minted)]) == minted && id[6]>>4 == 8 && id[8]>>6 == 2
}

// family names the requests of which one stands for the other: of the same
// principal (by its token, or by what it says where nobody asks for one) and source
// address, to the same path, with the same bytes. A client that was told to come
// again is found by it, on any node.
func (c *call) family() (sum [16]byte) {
	r, who := c.r, c.caller.Name()
	if c.api.cfg.Guard == nil {
		who = r.Header.Get("Authorization")
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	h := sha256.New()
	for _, part := range []string{who, host, c.route.pattern, string(c.raw)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	copy(sum[:], h.Sum(nil))
	return sum
}
