package prefect

import (
	"sync"
	"time"
)

// ahead is how much longer a lease runs than its client asked for. Clients renew a
// lease the moment that they have it, for the time that it was granted for: such
// a renewal finds that it has nothing to do, and costs no record.
const ahead = 2 * time.Second

// withAhead returns what a lease is asked for of the state machine, both in ns.
func withAhead(ttl int64) int64 { return min(ttl+int64(ahead), int64(maxDuration)) }

// fresh knows the leases that this node has just granted, and how long each of
// them runs at least by this machine's clock: cluster time is never faster. One
// that is given back through this node is forgotten; of what else may end a lease so
// early (an operator, a release through another node) the state of this node tells.
type fresh struct {
	mu     sync.Mutex
	leases map[string]freshLease // by id; guarded by mu
	line   []freshLease          // of all leases and some that were given back, oldest first; guarded by mu
}

type freshLease struct {
	id    string
	end   time.Time // it runs until then at least
	until time.Time // and is fresh
}

// granted tells of a lease that was asked for at the time sent, for ttl ns.
func (f *fresh) granted(id string, sent time.Time, ttl int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leases == nil {
		f.leases = map[string]freshLease{}
	}
	now, old := time.Now(), 0
	for ; old < len(f.line) && now.After(f.line[old].until); old++ {
		delete(f.leases, f.line[old].id)
	}
	f.leases[id] = freshLease{id, sent.Add(time.Duration(ttl)), now.Add(ahead)}
	f.line = append(f.line[old:], f.leases[id])
}

// covers tells whether a lease is fresh, and surely runs for ttl ns from now on.
func (f *fresh) covers(id string, ttl int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, known := f.leases[id]
	now := time.Now()
	return known && !now.After(l.until) && !now.Add(time.Duration(ttl)).After(l.end)
}

// forget is told of leases that are given back.
func (f *fresh) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.leases, id)
}
