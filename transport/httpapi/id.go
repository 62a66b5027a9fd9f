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

// keyID returns the id of a write under an idempotency key, the same on every
// node.
func keyID(method, path, key string) string {
	h := sha256.New()
	for _, part := range []string{principal, method, path, key} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return keyPrefix + base32Text(h.Sum(nil))[:32]
}

// principal is who calls, as long as there is no authentication: everybody is
// the same.
const principal = ""

// writeID returns the id of the present request, which writes: made of its
// idempotency key, or by chance.
func (c *call) writeID() (string, error) {
	if c.key != "" {
		return keyID(c.r.Method, c.r.URL.Path, c.key), nil
	}
	text, err := c.api.randomText(idLength)
	return nodePrefix + text, err
}
