package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// restoreBackup saves a backup, goes on for a while, restores the backup, and
// goes on again. The history checkers judge what the answers said.
func restoreBackup(ctx context.Context, g ground) (found finding, err error) {
	c, n, err := g.start(ctx)
	if c != nil {
		defer c.Close()
	}
	if err == nil {
		err = makeLimit(ctx, n, 1000)
	}
	if err != nil {
		return found, err
	}
	begun := time.Now()
	w := witness{n: n, record: history.NewRecorder(history.Run{Instrument: "real", Nodes: 1}, func() time.Duration { return time.Since(begun) })}
	err = errors.Join(w.acquire(ctx, "before", 3), w.save(ctx), w.acquire(ctx, "between", 3))
	time.Sleep(time.Second) // of the time that the restore takes back
	if err = errors.Join(err, w.acquire(ctx, "late", 1), w.restore(ctx), w.acquire(ctx, "after", 3)); err != nil {
		return found, err
	}
	return verdict(w.record.History()), nil
}

// witness calls a node and records what it said.
type witness struct {
	n      *nodes.Node
	record *history.Recorder
	backup []byte
}

// acquire takes slots, one after the other.
func (w *witness) acquire(ctx context.Context, name string, times int) error {
	for i := range times {
		op := w.record.Call(history.Op{
			Client: 1, Kind: history.Acquire, Node: w.n.Name, Tries: 1, Outcome: history.Unknown,
			Ask: history.Ask{ID: fmt.Sprintf("%s-%d", name, i), Limits: []history.Want{{Name: limitName, Slots: 1}}, TTL: time.Hour},
		})
		g, a, err := acquire(ctx, w.n, op.ID)
		if err == nil {
			op.Outcome, op.Status, op.Index, op.Time = history.OK, a.Status, a.Index, a.Time
			op.Token, op.Waited, op.ExpiresIn = g.Token, time.Duration(g.Waited), time.Duration(g.ExpiresIn)
			op.Granted = []history.Granted{{Name: limitName, Slots: 1, Counted: true}}
		}
		w.record.Return(op)
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *witness) save(ctx context.Context) error {
	op := w.record.Call(history.Op{Client: 1, Kind: history.Save, Node: w.n.Name, Tries: 1, Outcome: history.Unknown})
	defer func() { w.record.Return(op) }()
	a, err := w.n.Must(ctx, http.MethodGet, "/v1/snapshot", nil, nil)
	if err == nil {
		op.Outcome, op.Status, op.Index, op.Time, w.backup = history.OK, a.Status, a.Index, a.Time, a.Body
	}
	return err
}

func (w *witness) restore(ctx context.Context) error {
	op := w.record.Call(history.Op{Client: 1, Kind: history.Restore, Node: w.n.Name, Tries: 1, Outcome: history.Unknown})
	defer func() { w.record.Return(op) }()
	a, err := w.n.Send(ctx, http.MethodPut, "/v1/snapshot?longest_ttl=0s", wire.TypeSnapshot, w.backup)
	if err == nil && a.Status != http.StatusNoContent {
		err = fmt.Errorf("restore a backup: %d %s", a.Status, a.Body)
	}
	if err == nil {
		op.Outcome, op.Status, op.Index, op.Time = history.OK, a.Status, a.Index, a.Time
	}
	return err
}
