// Package client is limitd's Go library: it acquires slots of limits, keeps
// them, and tells its program in time when it holds them no more. It needs the
// standard library only.
//
// A limit is a named pool of slots that a fleet of programs shares: no more work
// at one moment than there are slots. A lease is what a program holds of them for
// a while. Where slots also come back by the passing of time, a limit is a rate
// limit.
//
//	c, err := client.New(client.Config{Addresses: []string{"10.0.0.1:7480", "10.0.0.2:7480", "10.0.0.3:7480"}})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//
// A piece of work that runs under a slot, and a call that a rate limit admits:
//
//	err = c.Concurrency(ctx, []string{"database"}, func(ctx context.Context) error { return migrate(ctx) })
//	err = c.RateLimit(ctx, "rate-limited-api")
//
// Both rest on [Client.Acquire], which takes any number of slots of several limits
// in one step, or none, and returns a [Lease]:
//
//	lease, err := c.Acquire(ctx, client.Request{Limits: client.Slots{"db": 2, "api": 1}, Wait: 30 * time.Second})
//	if err != nil {
//		return err
//	}
//	defer lease.Release(context.WithoutCancel(ctx))
//	return work(lease.Context(), lease.Token())
//
// One Client is enough for a program: it renews all leases together, shares its
// connections, and sends what more than eight callers want at a moment in one
// request, so that nobody waits for company. [Client.AcquireAsync] waits beside other things,
// [Client.Limits] and its like look after limits, package clienttest is a cluster
// for tests.
//
// # One acquire is one acquire
//
// Acquire makes an id and asks under it again, at any of the addresses, through
// timeouts, leader changes, broken connections and proxies' errors, until it has
// the one true answer or ctx ends. Then the acquire is cancelled in the
// background, and nothing is held. Releases, renewals and the calls that change
// limits are repeated alike, and have one effect.
//
// # A lease ends here before it ends there
//
// The cluster gives a lease's slots to somebody else at the earliest one TTL of
// the cluster's time after it granted or renewed it, and that time is never
// faster than real time, whatever any wall clock says. Lease.Context is
// cancelled, with cause ErrLeaseLost, at
//
//	(the instant before the acquire was first sent) + waited + TTL - margin
//	(the instant before the renewal was sent)       +          TTL - margin
//	margin = 1 % of (waited + TTL) + 10 ms, or of the TTL after a renewal
//
// where waited is the cluster's own measure of how long the acquire stood in the
// queue. In numbers:
//
//	TTL            renewed every   ends here before it can end there   clock rates may differ by
//	1 s            0.33 s          0.02 s                              0.18 %
//	20 s           6.7 s           0.21 s                              0.70 %
//	60 s, default  20 s            0.61 s                              0.87 %
//	1 h            20 min          36 s                                0.99 %
//
// The last column is what the margin allows over the TTL and the ten seconds for
// which a node takes what it heard of the cluster's time for good; quartz clocks
// differ by a hundredth of that. Renewals of all leases of a Client go in one
// request (10,000 a request), by one goroutine, so that a lease outlives two
// thirds of its TTL without any reachable node.
//
// Instants are read from two clocks, and the one that advanced more counts; on
// Linux these are CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW, so neither a sleeping
// machine nor a corrected clock makes a lease look younger. A grant that cannot
// be dated so is renewed before Acquire returns it: where the program chose the
// id, and another process may have sent it first; where waited exceeds the TTL;
// where the end computed has passed.
//
// # What only tokens can do
//
// No lease can stop a program that does not look: one that is paused by the
// kernel, the garbage collector or a debugger between checking its lease and
// writing to a disk goes on when it wakes, and others may hold the slots by
// then. Timers do not run in a sleeping machine either: after it wakes, Done
// closes within a tenth of a second, while Lease.Err and the Err of
// Lease.Context are right at once. To exclude a late write altogether, send
// Lease.Token with it, and have the thing that is written to refuse tokens below
// the highest it has seen, as the example Fencing does. That is exact for a limit
// of one slot, and for numbered limits with the highest token kept for each
// ordinal (Lease.Ordinals); of the holders of a plain limit with more slots none
// is the rightful one alone.
//
// # Where nothing excludes anybody
//
// A limit that is switched off lets everybody pass, and counts nothing; so does
// one in shadow mode once it is full. A limit that does not exist fails Acquire,
// unless Request.Missing says otherwise; Concurrency and RateLimit make it,
// switched off, so that a program can name its limits before anybody decides how
// many slots they have. Lease.Unlimited tells that nothing at all was counted.
//
// # Failures
//
// Each error is an [*Error], with the code, what is wrong, how to mend it, and
// when another try can succeed. errors.Is compares codes:
//
//	var e *client.Error
//	switch {
//	case errors.Is(err, client.ErrDenied) && errors.As(err, &e):
//		return tryAgainIn(e.RetryAfter)
//	case errors.Is(err, client.ErrLeaseLost):
//		...
//	}
//
// No majority of the nodes, no grants: a call then goes on until ctx ends, or for
// Config.GiveUp, and fails with ErrUnreachable or what the nodes said last, or with
// ErrInterrupted where ctx ended before any try did: a node goes on for Config.Hold
// and Config.Timeout with an acquire that waits.
// Config.Logger tells meanwhile which nodes fail, and why.
package client
