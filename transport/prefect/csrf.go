package prefect

import (
	"net/http"
	"sync/atomic"
	"time"
)

// A client asks for a token against forged requests before it writes, with every
// client object of the library: so for each release, too. limitd has no such
// tokens (browsers are kept out by their own word on the origin of a request),
// but the upstream server may. While that one says that it has none, or says
// nothing at all, the answer is given here: limits do not wait for a server that
// they do not need.

// csrf knows that the upstream server wants no tokens.
type csrf struct {
	until    atomic.Int64  // unix ns
	patience time.Duration // how long that server is waited for
}

const (
	csrfKnownFor = time.Minute
	downKnownFor = 5 * time.Second // a server that answers nobody is not asked each time
	// silentKnownFor is longer: to find out costs csrfPatience, of the time of a client
	// that waits for nothing else.
	silentKnownFor = 30 * time.Second
	csrfPatience   = 3 * time.Second
)

func (k *csrf) isOff() bool { return time.Now().UnixNano() < k.until.Load() }

// heard notes with what status the upstream server answered.
func (k *csrf) heard(status int) {
	if status == http.StatusNotFound || status == http.StatusUnprocessableEntity {
		k.offFor(csrfKnownFor)
	}
}

func (k *csrf) offFor(d time.Duration) { k.until.Store(time.Now().Add(d).UnixNano()) }

// csrfToken serves GET /csrf-token.
func (c *call) csrfToken() error {
	if c.api.upstream == nil || c.api.csrf.isOff() {
		return noCSRF()
	}
	c.asksCSRF = true
	return c.passOn()
}

func noCSRF() error {
	return &failure{kind: refused, text: "CSRF protection is disabled."}
}
