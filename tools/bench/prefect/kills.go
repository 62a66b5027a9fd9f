package main

import (
	"context"
	"fmt"
	"time"
)

// Leases of Prefect are at least a minute long. Its server looks every 15 s for
// those that have ended.
const (
	killLease  = 60 // s
	killWait   = 100 * time.Second
	killHolds  = 5 // holders who are killed
	killServed = 3 // holders whose servers are killed
)

// killHolders kills holders, whose leases end while other things are measured.
func (b *trial) killHolders(ctx context.Context) error {
	for _, s := range b.systems {
		if err := b.occupy(ctx, s, "killed-holders", killHolds); err != nil {
			return err
		}
		if err := s.driver.kill(ctx); err != nil {
			return err
		}
	}
	b.killed = time.Now()
	return nil
}

// occupy has processes go in and stay.
func (b *trial) occupy(ctx context.Context, s *system, limit string, processes int) error {
	if err := s.createLimit(ctx, limit, processes, 0); err != nil {
		return err
	}
	if err := s.activate(ctx, limit); err != nil {
		return err
	}
	return s.driver.start(ctx, "hold", processes, arguments{"limit": limit, "lease": killLease})
}

// kills looks at what killed holders left occupied, and kills servers under
// holders who go out once the servers are back.
func (b *trial) kills(ctx context.Context) error {
	work := fmt.Sprintf("%d holders killed, leases of %d s: still occupied after %v", killHolds, killLease, killWait)
	if err := b.leaked(ctx, work, "killed-holders"); err != nil {
		return err
	}
	for _, s := range b.systems {
		if s.kill == nil {
			continue
		}
		if err := b.occupy(ctx, s, "killed-servers", killServed); err != nil {
			return err
		}
		s.kill()
		if err := s.restart(ctx); err != nil {
			return err
		}
		r, err := s.driver.run(ctx, 0)
		if err != nil {
			return err
		}
		b.log("%s was killed and is back", s.name)
		b.note(s, "killed and started again", r.failures())
	}
	b.killed = time.Now()
	work = fmt.Sprintf("servers killed and started again under %d holders, who then leave: still occupied after %v", killServed, killWait)
	return b.leaked(ctx, work, "killed-servers")
}

// leaked waits until killWait has passed, and tells what of a limit is occupied.
func (b *trial) leaked(ctx context.Context, work, limit string) error {
	select {
	case <-time.After(time.Until(b.killed.Add(killWait))):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, s := range b.systems {
		if s.kill == nil {
			continue
		}
		n, err := s.occupied(ctx, limit)
		if err != nil {
			return err
		}
		b.log("%s, %s: %d", work, s.name, n)
		b.table.set(work, s.name, fmt.Sprint(n))
		if s.name == "limitd" {
			b.aim(work, "= 0", fmt.Sprint(n), n == 0)
		}
	}
	return nil
}
