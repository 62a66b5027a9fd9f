//go:build linux

package nemesis

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

// restoreGroup takes back what callers were told, so it is asked for by name.
const restoreGroup = "restore"

// restores put an earlier backup in place of the state.
func restores() []Nemesis {
	return []Nemesis{{
		Name: restoreGroup, Group: restoreGroup, What: "a backup taken some seconds before is restored", Alone: true, Lacks: nothing, Start: restoreBackup,
	}}
}

// operator is the number of the one who restores, as a caller.
const operator = 950

func restoreBackup(ctx context.Context, s *Stage) (*Fault, error) {
	list, err := s.take(everyone)
	if err != nil {
		return nil, err
	}
	backup, from, err := s.save(ctx)
	if err != nil {
		s.give(list)
		return nil, err
	}
	age := s.between(500*time.Millisecond, 4*time.Second)
	return &Fault{On: names(list), What: fmt.Sprintf("a backup of %s, %s old", from, age.Round(time.Millisecond)), Mend: func(mending context.Context) error {
		defer s.give(list)
		sleep(ctx, age)
		err := errors.Join(s.restore(mending, backup), s.reviveAll(mending))
		sleep(ctx, haunted)
		return errors.Join(err, s.reviveAll(mending)) // one may have stopped since
	}}, nil
}

// haunted is how long slots may be held after a restore by leases of the backup
// that their holders gave back long ago: the fault lasts until they end.
const haunted = 3 * time.Second

// save takes a backup from any node.
func (s *Stage) save(ctx context.Context) (backup []byte, from string, err error) {
	n := s.shuffled()[0]
	op := s.Record.Call(history.Op{Client: operator, Kind: history.Save, Node: n.Name, Tries: 1, Outcome: history.Refused})
	defer func() { s.Record.Return(op) }()
	a, err := s.ask(ctx, n, http.MethodGet, "/v1/snapshot", nil)
	if err != nil || a.Status != http.StatusOK {
		return nil, "", fmt.Errorf("take a backup from %s: %d %w", n.Name, a.Status, err)
	}
	op.Outcome, op.Status, op.Index, op.Time = history.OK, a.Status, a.Index, a.Time
	return a.Body, n.Name, nil
}

// restore puts the backup in place until a node says that it is. A try that
// went astray may have, too: then the state is the backup's all the same.
func (s *Stage) restore(ctx context.Context, backup []byte) error {
	op := s.Record.Call(history.Op{Client: operator, Kind: history.Restore, Outcome: history.Unknown})
	defer func() { s.Record.Return(op) }()
	for {
		n := s.shuffled()[0]
		op.Node = n.Name
		op.Tries++
		a, err := s.put(ctx, n, backup)
		if err == nil && a.Status == http.StatusNoContent {
			op.Outcome, op.Status, op.Index, op.Time = history.OK, a.Status, a.Index, a.Time
			return nil
		}
		op.Astray++
		if !sleep(ctx, 200*time.Millisecond) {
			return fmt.Errorf("restore a backup at %s: %d %s %w", n.Name, a.Status, a.Body, err)
		}
	}
}

func (s *Stage) put(ctx context.Context, n *nodes.Node, backup []byte) (nodes.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return n.Send(ctx, http.MethodPut, "/v1/snapshot?longest_ttl=0s", wire.TypeSnapshot, backup)
}

// reviveAll makes nodes new that stopped because a restore took only on them.
func (s *Stage) reviveAll(ctx context.Context) error {
	for _, n := range s.Cluster.Nodes() {
		if n.Running() {
			continue
		}
		if err := errors.Join(s.stoppedWell(n), s.renew(ctx, n)); err != nil {
			return err
		}
	}
	return nil
}
