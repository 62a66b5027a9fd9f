package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// seedTimeout is how long one limit of the configuration is tried before the
// log says so; then it is tried again.
const seedTimeout = 30 * time.Second

// startSeeds makes the configured limits where they are missing, as soon as
// there is a leader, and compares the settings. Nothing is ever overwritten.
func (d *Daemon) startSeeds(context.Context) error {
	d.startWarnings()
	d.tasks.Go(func() {
		if !d.retry("the settings of the cluster cannot be read yet", d.compareSettings) {
			return
		}
		for _, l := range d.cfg.Limit {
			if !d.retry("a limit of the configuration cannot be made yet", func(ctx context.Context) error { return d.seed(ctx, l) }) {
				return
			}
		}
	})
	return nil
}

// retry does something until it succeeds; false: the node stops first.
func (d *Daemon) retry(complaint string, do func(context.Context) error) bool {
	for d.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(d.ctx, seedTimeout)
		err := do(ctx)
		cancel()
		if err == nil {
			return true
		}
		if d.ctx.Err() == nil {
			d.log.Warn(complaint, "err", err)
		}
		select {
		case <-d.ctx.Done():
		case <-time.After(time.Second): // what fails at once must not spin
		}
	}
	return false
}

// seed makes one limit unless it exists.
func (d *Daemon) seed(ctx context.Context, l config.Limit) error {
	exists := false
	if _, err := d.node.Read(ctx, false, func(s *limit.State) { _, exists = s.Limit(l.Name) }); err != nil || exists {
		return err
	}
	settings, err := l.Settings()
	if err != nil {
		return fmt.Errorf("limit %q: %w", l.Name, err)
	}
	id, err := d.deps.Machine.text()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	answer, err := d.node.Run(ctx, command.Command{
		Header: command.Header{ID: "n/" + id},
		Op:     &command.PutLimit{Name: l.Name, Settings: settings, Mode: command.PutCreate},
	}, 0)
	if err != nil {
		return fmt.Errorf("limit %q: %w", l.Name, err)
	}
	if p, failed := answer.Result.(*command.Problem); failed {
		if p.Code != command.CodeLimitExists { // another node was quicker
			d.log.Error("a limit of the configuration was refused", "limit", l.Name, "err", p)
		}
		return nil
	}
	d.log.Info("made a limit of the configuration", "limit", l.Name, "slots", l.Slots)
	return nil
}

// compareSettings warns where the cluster's settings are not the configured ones.
func (d *Daemon) compareSettings(ctx context.Context) error {
	var now command.Settings
	if _, err := d.node.Read(ctx, false, func(s *limit.State) { now = s.Settings() }); err != nil {
		return err
	}
	theirs := config.Config{Limits: config.LimitsOf(now)}
	for _, k := range config.Keys() {
		name, seeds := strings.CutPrefix(k.Name, "limits.")
		if have, want := k.Get(theirs), k.Get(d.cfg); seeds && have != want {
			d.log.Warn("a setting of the cluster differs from this node's configuration; change it by PATCH /v1/cluster/settings",
				"setting", name, "cluster", have, "configured", want)
		}
	}
	return nil
}
