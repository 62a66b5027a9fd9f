package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// backups saves the state under load, and puts it back while holders from
// before and after the backup are at work: into the same cluster, and into
// another. No slot is ever held twice.
func backups(ctx context.Context, s *stage) error {
	a := &archive{stage: s, first: s.cluster.Nodes()[0], began: time.Now(), file: filepath.Join(s.dir, "today.snapshot")}
	s.env = []string{"LIMITD_ADDR=" + a.first.URL()}
	var err error
	if a.library, err = client.New(client.Config{Addresses: s.cluster.URLs()}); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{a.fill, a.save, a.scheduled, a.holdAfter, a.restore, a.afterwards, a.endEarly, a.refuse} {
		if err := step(ctx); err != nil {
			return errors.Join(err, a.library.Close())
		}
	}
	if err := errors.Join(a.library.Close(), a.verify(ctx, s.cluster)); err != nil {
		return err
	}
	return a.elsewhere(ctx)
}

// archive is a backup, and who holds slots around it.
type archive struct {
	*stage
	first   *nodes.Node
	library *client.Client
	began   time.Time
	file    string
	holds   []hold // of the limit shared

	older, younger *client.Lease // by when the backup was taken
	restored       time.Duration // since began: when the restore was asked for
	newest         uint64        // the newest token of before
}

const (
	sharedSlots = 3
	// afterTTL is the TTL of those who got slots after the backup, and all that the
	// one who restores knows of them.
	afterTTL = 4 * time.Second
)

func (a *archive) fill(ctx context.Context) (err error) {
	for name, set := range map[string]wire.LimitRequest{
		"probe": {Slots: 1000}, "shared": {Slots: sharedSlots}, "kept": {Slots: 4}, "api": {Slots: 100, Rate: "50/s"},
	} {
		if err := putLimit(ctx, a.first, name, set); err != nil {
			return err
		}
	}
	a.older, err = a.keep(ctx)
	return err
}

// keep holds a slot of kept until the client is closed or the lease is lost.
func (a *archive) keep(ctx context.Context) (*client.Lease, error) {
	return a.library.Acquire(ctx, client.Request{Limits: client.Slots{"kept": 1}, TTL: 15 * time.Second})
}

// save takes the backup while callers and workers are busy at all nodes.
func (a *archive) save(ctx context.Context) error {
	calls := newLoad(ctx)
	for _, n := range a.cluster.Nodes() {
		calls.at(n)
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	worked := make(chan error, 1)
	go func() {
		holds, errs := runWorkers(work, a.cluster.URLs(), 8, a.began)
		a.holds = holds
		worked <- errors.Join(errs...)
	}()
	_ = wait(ctx, a.last(10*time.Second))
	began := time.Now()
	err := a.show(ctx, "snapshot", "save", a.file)
	took := time.Since(began)
	_ = wait(ctx, a.last(10*time.Second))
	stop()
	if err := errors.Join(err, <-worked, calls.end()); err != nil {
		return err
	}
	fmt.Printf("   saved in %s under load; %d holds of shared around it\n", round(took), len(a.holds))
	return a.show(ctx, "snapshot", "inspect", a.file)
}

// holdAfter lets holders begin of whom the backup knows nothing: one that asks
// for renewals and hears that it is lost, and some that work in silence until
// their leases end by their own clocks.
func (a *archive) holdAfter(ctx context.Context) (err error) {
	if a.younger, err = a.keep(ctx); err != nil {
		return err
	}
	for i := range sharedSlots {
		h := hold{asked: time.Since(a.began)}
		body := wire.AcquireRequest{
			ID: fmt.Sprintf("silent-%d", i), Limits: []wire.Entry{{Name: "shared", Slots: 1}},
			TTL: wire.Duration(afterTTL), Wait: wire.Duration(30 * time.Second),
		}
		var g wire.Grant
		if _, err := a.cluster.Nodes()[i].Must(ctx, http.MethodPost, "/v1/acquire", body, &g); err != nil {
			return err
		}
		rights := time.Duration(g.Waited) + afterTTL
		h.token, h.start, h.end = g.Token, time.Since(a.began), h.asked+rights-rights/100-10*time.Millisecond
		a.holds, a.newest = append(a.holds, h), max(a.newest, g.Token)
	}
	return nil
}

// restore puts the backup back into the same cluster, all of whose holders are
// at work.
func (a *archive) restore(ctx context.Context) error {
	a.restored = time.Since(a.began)
	if err := a.show(ctx, "snapshot", "restore", a.file, "--longest-ttl", afterTTL.String()); err != nil {
		return err
	}
	for _, n := range a.cluster.Nodes() {
		if err := quarantined(ctx, n, "shared", fmt.Sprint("early-", n.Name)); err != nil {
			return err
		}
		body := wire.AcquireRequest{Limits: []wire.Entry{{Name: "api", Slots: 1, Mode: wire.ModeRateLimit}}}
		if _, err := n.Must(ctx, http.MethodPost, "/v1/acquire", body, nil); err != nil {
			return fmt.Errorf("a limit that decays grants nothing: %w", err)
		}
	}
	fmt.Println("   every node: shared grants nothing for now, and says why; api, which decays, does")
	return a.ghosts(ctx)
}

// quarantined tries to acquire, and checks that the answer names the quarantine.
func quarantined(ctx context.Context, n *nodes.Node, limit, id string) error {
	answer, err := n.Call(ctx, http.MethodPost, "/v1/acquire", wire.AcquireRequest{ID: id, Limits: []wire.Entry{{Name: limit, Slots: 1}}})
	if err != nil {
		return err
	}
	if answer.Status != http.StatusTooManyRequests || !strings.Contains(string(answer.Body), `"quarantine":`) {
		return fmt.Errorf("an acquire of %s at %s behind a restore: %d %s", limit, n.Name, answer.Status, answer.Body)
	}
	return nil
}

// ghosts ends what the backup believes to be held or waited for, and what was
// released or granted since: those holders and waiters are known to be done.
func (a *archive) ghosts(ctx context.Context) error {
	var queue wire.Queue
	if _, err := a.first.Must(ctx, http.MethodGet, "/v1/limits/shared/queue", nil, &queue); err != nil {
		return err
	}
	for _, w := range queue.Waiters {
		if _, err := a.first.Must(ctx, http.MethodPost, "/v1/cancel", wire.CancelRequest{ID: w.ID}, nil); err != nil {
			return err
		}
	}
	var list wire.Leases
	if _, err := a.first.Must(ctx, http.MethodGet, "/v1/leases?limit=shared", nil, &list); err != nil {
		return err
	}
	for _, l := range list.Leases {
		if _, err := a.first.Must(ctx, http.MethodDelete, fmt.Sprint("/v1/leases/", l.Token), nil, nil); err != nil {
			return err
		}
	}
	fmt.Printf("   %d leases and %d waiters of the backup that were done since are ended\n", len(list.Leases), len(queue.Waiters))
	return nil
}

// afterwards has workers queue behind the restore: they are granted when the
// last of the silent holders must have stopped, and have tokens far beyond.
func (a *archive) afterwards(ctx context.Context) error {
	if err := a.older.Renew(ctx); err != nil || a.older.Err() != nil {
		return fmt.Errorf("the holder of before the backup does not go on: %w", errors.Join(err, a.older.Err()))
	}
	select {
	case <-a.younger.Context().Done():
	case <-time.After(joinTime):
		return errors.New("the holder of after the backup does not hear that its lease is gone")
	}
	fmt.Printf("   the holder of before the backup renews and goes on; that of after it was told: %v\n", context.Cause(a.younger.Context()))
	work, stop := context.WithTimeout(ctx, afterTTL+a.last(10*time.Second))
	defer stop()
	holds, errs := runWorkers(work, a.cluster.URLs(), 8, a.began)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	begins, least := holds[0].start, holds[0].token
	for _, h := range holds {
		begins, least = min(begins, h.start), min(least, h.token)
	}
	a.holds = append(a.holds, holds...)
	most := overlapping(a.holds)
	fmt.Printf("   granted again %s after the restore; %d holds in all, at most %d at once; tokens went on from %d at %d\n",
		round(begins-a.restored), len(a.holds), most, a.newest, least)
	switch {
	case most > sharedSlots:
		return fmt.Errorf("%d held %d slots at once", most, sharedSlots)
	case begins < a.restored+afterTTL:
		return errors.New("slots were granted while holders of before could be at work")
	case least < a.newest+1<<40:
		return errors.New("tokens did not skip ahead")
	}
	return rising(a.holds)
}

// endEarly restores once more, for holders who could be there for an hour, and
// says that none is.
func (a *archive) endEarly(ctx context.Context) error {
	if _, err := a.command(ctx, "snapshot", "restore", a.file, "--longest-ttl", "1h"); err != nil {
		return err
	}
	if err := quarantined(ctx, a.first, "kept", "hour"); err != nil {
		return err
	}
	if err := a.show(ctx, "snapshot", "end-quarantine"); err != nil {
		return err
	}
	for _, n := range a.cluster.Nodes() {
		if err := pairOf(ctx, n, "kept", "after-"+n.Name); err != nil {
			return err
		}
	}
	return nil
}
