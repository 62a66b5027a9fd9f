package httpapi

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Ids that are not made by callers. The alphabet of callers' ids has no slash
// (wire.CheckID), so the prefixes keep the other kinds apart.
const (
	keyPrefix  = "k/" // of a write under an Idempotency-Key
	nodePrefix = "n/" // of a write without one
	idLength   = 26   // characters of base32, 130 bits
)

func base32Text(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// randomText returns n random characters of lower-case base32.
func (a *API) randomText(n int) (string, error) {
	b := make([]byte, (n*5+7)/8)
	if _, err := io.ReadFull(a.cfg.Rand, b); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return base32Text(b)[:n], nil
}

// nextRequestID returns the id of one exchange: unique to this start of the
// node, and rising.
func (a *API) nextRequestID() string {
	b := make([]byte, 0, 24)
	b = append(b, a.prefix...)
	return string(strconv.AppendUint(b, a.requests.Add(1), 36))
}

// hashText returns base32 that stands for parts, the same on every node.
func hashText(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return base32Text(h.Sum(nil))
}

// keyID returns the id of this write under its idempotency key. Two callers of
// one key do not meet: whose token it is counts.
func (c *call) keyID() string {
	return keyPrefix + hashText(c.caller.Name(), c.r.Method, c.r.URL.Path, c.key)[:32]
}

// batchID returns the id of the acquire at place n of a batch under an
// idempotency key. Callers can name it.
func (c *call) batchID(n int) string {
	return hashText(c.caller.Name(), "POST", "/v1/batch", c.key, strconv.Itoa(n))[:idLength]
}

// writeID returns the id of the present request, which writes: made of its
// idempotency key, or by chance.
func (c *call) writeID() (string, error) {
	if c.key != "" {
		return c.keyID(), nil
	}
	text, err := c.api.randomText(idLength)
	return nodePrefix + text, err
}

// idIfKeyed is writeID for what is harmless to repeat: without an idempotency key
// it is not remembered, and so not refused where no more can be.
func (c *call) idIfKeyed() string {
	if c.key == "" {
		return ""
	}
	return c.keyID()
}
