package client

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// lookEvery is how often the keeper looks at the clocks while leases are held:
// timers stand still while the machine sleeps, and the clocks may not.
const lookEvery = 100 * time.Millisecond

// keeper renews all leases of a client, and ends those that it could not. One
// goroutine looks at the clocks, another, now and then, renews.
type keeper struct {
	c    *Client
	wake chan struct{} // holds a token when there is something to look at

	mu       sync.Mutex
	leases   map[uint64]*Lease // guarded by mu; those held, by token
	looked   Clocks            // guarded by mu; when all leases were last looked at
	due      time.Duration     // guarded by mu; from looked to when one needs something
	renewing bool              // guarded by mu
	failures int               // guarded by mu; renewals that failed in a row
	pausing  time.Duration     // guarded by mu; no renewal begins until so long after failed
	failed   Clocks            // guarded by mu; when the last renewal failed
	fault    error             // guarded by mu; of the last renewal
	ended    []endedLease      // guarded by mu; leases whose end is to be told
}

func newKeeper(c *Client) *keeper {
	return &keeper{c: c, wake: make(chan struct{}, 1), leases: make(map[uint64]*Lease)}
}

// run keeps leases until the client is closed.
func (k *keeper) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(k.look())
		select {
		case <-timer.C:
		case <-k.wake:
		case <-k.c.ctx.Done():
			k.endAll(context.Cause(k.c.ctx))
			return
		}
	}
}

// look ends and renews what is due, and returns when to look again. While
// nothing can be due, by either clock, it touches no lease.
func (k *keeper) look() time.Duration {
	k.mu.Lock()
	defer k.unlock()
	if len(k.leases) == 0 {
		k.due = never
		return never
	}
	now := k.c.cfg.Clocks()
	if passed := now.since(k.looked); passed < k.due {
		return min(k.due-passed, lookEvery)
	}
	k.looked, k.due = now, never
	renewal := never
	for _, l := range k.leases {
		if k.endIfPastLocked(l, now) {
			continue
		}
		k.due = min(k.due, l.span-now.since(l.from))
		if !l.manual {
			renewal = min(renewal, l.ttl/3-l.age(now))
		}
	}
	if renewal <= 0 {
		renewal = k.renewLocked(now)
	}
	k.due = min(k.due, renewal)
	return min(k.due, lookEvery)
}

const never = time.Hour * 24 * 365

// renewLocked begins to renew all leases that are at least half due, so that
// they fall due together from then on. It returns when to come again.
func (k *keeper) renewLocked(now Clocks) time.Duration {
	if k.renewing {
		return lookEvery // its end wakes the keeper
	}
	if left := k.pausing - now.since(k.failed); left > 0 {
		return left
	}
	var batch []*Lease
	for _, l := range k.leases {
		if !l.manual && l.age(now) >= l.ttl/6 {
			batch = append(batch, l)
		}
	}
	k.renewing = true
	k.c.wait.Go(func() { k.renewalOver(k.c.renewAll(k.c.ctx, batch)) })
	return lookEvery
}

// renewalOver notes how a renewal went.
func (k *keeper) renewalOver(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewing, k.fault = false, err
	if err == nil {
		k.failures, k.pausing = 0, 0
	} else {
		if k.failures++; k.failures == 1 {
			k.c.log.LogAttrs(k.c.ctx, slog.LevelWarn, "limitd: the leases were not renewed, trying again", slog.Any("err", err))
		}
		k.failed, k.pausing = k.c.cfg.Clocks(), 0
		if k.failures >= k.c.nodes.count() { // else the next node may know better, at once
			k.pausing = min(25*time.Millisecond<<min(k.failures, 6), time.Second)
		}
	}
	k.due = 0
	k.wakeUp()
}

func (k *keeper) wakeUp() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// keep trusts l for span from the instant from, just before what the cluster
// answered was sent. It never takes trust back. It tells whether l is held.
func (k *keeper) keep(l *Lease, from Clocks, span time.Duration) bool {
	k.mu.Lock()
	defer k.unlock()
	now := k.c.cfg.Clocks()
	left := span - now.since(from)
	switch {
	case l.state == leaseHeld && k.endIfPastLocked(l, now), l.state == leaseOver:
		return false
	case l.state == leaseNew && left <= 0:
		return false // the answer took too long to be worth anything
	case l.state == leaseNew && k.c.ctx.Err() != nil:
		k.endLocked(l, context.Cause(k.c.ctx))
		return false
	}
	l.renewals++
	if l.state == leaseNew || left > l.span-now.since(l.from) {
		l.from, l.span = from, span
	}
	l.state = leaseHeld
	k.leases[l.Token()] = l
	k.soonerLocked(l, now)
	return true
}

// soonerLocked wakes the keeper where l needs something before it would look.
func (k *keeper) soonerLocked(l *Lease, now Clocks) {
	next := l.span - now.since(l.from)
	if !l.manual {
		next = min(next, l.ttl/3-l.age(now))
	}
	if len(k.leases) == 1 {
		k.looked, k.due = now, never
	}
	if next += now.since(k.looked); next < k.due {
		k.due = next
		k.wakeUp()
	}
}

// check ends l where its time has passed.
func (k *keeper) check(l *Lease) {
	k.mu.Lock()
	defer k.unlock()
	if l.state == leaseHeld {
		k.endIfPastLocked(l, k.c.cfg.Clocks())
	}
}

// endIfPastLocked ends l where it may not be trusted any more.
func (k *keeper) endIfPastLocked(l *Lease, now Clocks) bool {
	if now.since(l.from) < l.span {
		return false
	}
	why := "it was not renewed in time"
	if l.manual {
		why = "its TTL is over, and the program did not renew it"
	}
	k.endLocked(l, lost(why, k.fault))
	return true
}

func (k *keeper) endLocked(l *Lease, why error) {
	if l.state == leaseHeld {
		k.ended = append(k.ended, endedLease{l, why})
	}
	l.state = leaseOver
	delete(k.leases, l.Token())
	l.cancel(why)
}

// unlock unlocks mu, and then tells of the leases that have ended: who hears of
// it may ask them.
func (k *keeper) unlock() {
	ended := k.ended
	k.ended = nil
	k.mu.Unlock()
	k.c.ended(ended)
}

// drop ends l, for why, where it has not ended.
func (k *keeper) drop(l *Lease, why error) {
	k.mu.Lock()
	defer k.unlock()
	if l.state != leaseOver {
		k.endLocked(l, why)
	}
}

func (k *keeper) endAll(why error) {
	k.mu.Lock()
	defer k.unlock()
	for _, l := range k.leases {
		k.endLocked(l, why)
	}
}
