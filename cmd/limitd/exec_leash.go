package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/client"
)

// leash tells for how long a command may run under a lease, and people when
// that looks bad.
type leash struct {
	lease  *client.Lease
	grace  time.Duration // between SIGTERM and SIGKILL
	margin time.Duration // between SIGKILL and the lease's end
	say    func(line string)
	taken  time.Time // when the cluster was found to have ended the lease
	warned bool      // that renewals fail
}

// newLeash returns the leash of a lease. grace is at most half the TTL, the
// default where it is negative.
func newLeash(lease *client.Lease, grace time.Duration, say func(string)) *leash {
	ttl := lease.TTL()
	switch {
	case ttl == 0:
		grace = 0 // nothing ends
	case grace < 0:
		grace = defaultGrace(ttl)
	case grace > ttl/2:
		grace = ttl / 2
		say(fmt.Sprintf("the lease lasts %s: the command has %s to end, not more", spanText(ttl), spanText(grace)))
	}
	return &leash{lease: lease, grace: grace, margin: max(100*time.Millisecond, ttl/20), say: say}
}

// left is how long the command may still run. Of a lease that somebody released
// in its stead nothing is left, and whoever did so does not wait; the command
// gets its grace all the same.
func (l *leash) left() time.Duration {
	left := l.lease.Left()
	if errors.Is(l.lease.Err(), client.ErrLeaseEnded) {
		if l.taken.IsZero() {
			l.taken = time.Now()
			l.say("somebody released the lease: the command is told to end")
		}
		return l.grace + l.margin - time.Since(l.taken)
	}
	asked := left - l.grace - l.margin // then the command is
	switch bad := left < l.lease.TTL()/2; {
	case bad && !l.warned && asked > 0:
		l.say(fmt.Sprintf("the lease is not renewed: no node answers as it should; the command is told to end in %s", spanText(asked)))
		l.warned = true
	case !bad && l.warned:
		l.say("the lease is renewed again")
		l.warned = false
	}
	return left
}

// why tells why the lease was lost.
func (l *leash) why() string {
	var e *client.Error
	switch {
	case errors.Is(l.lease.Err(), client.ErrLeaseEnded):
		return "somebody released it"
	case errors.As(l.lease.Err(), &e) && e.Cause != nil:
		return fmt.Sprintf("%s: %v", e.Detail, reason(e.Cause))
	}
	return "it was not renewed in time"
}
