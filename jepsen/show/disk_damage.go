//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// damagedSnapshot spoils the newest of raft's snapshots of a node that does not
// run, and then all of them.
func (w *ward) damagedSnapshot(ctx context.Context) error {
	states, err := w.snapshots(ctx)
	if err != nil {
		return err
	}
	w.cluster.Kill(w.patient)
	mark := w.mark()
	if err := spoil(states[len(states)-1]); err != nil {
		return err
	}
	if err := w.cluster.Restart(w.patient); err != nil {
		return err
	}
	if err := joined(ctx, w.patient); err != nil {
		return fmt.Errorf("over a damaged snapshot: %w", err)
	}
	line := w.since(mark, "failed to open snapshot", "CRC mismatch")
	if line == "" {
		return errors.New("the node does not say that its newest snapshot is damaged")
	}
	fmt.Printf("   damaged newest snapshot: passed over\n   | %s\n", line)
	return nil
}

// snapshots returns the files of raft's snapshots, the oldest first, when there are two.
func (w *ward) snapshots(ctx context.Context) (states []string, err error) {
	err = soon(ctx, func() error {
		states, err = filepath.Glob(filepath.Join(w.patient.Dir(), "snapshots", "*", "state.bin"))
		states = slices.DeleteFunc(states, func(path string) bool { return filepath.Ext(filepath.Dir(path)) == ".tmp" })
		slices.SortFunc(states, func(a, b string) int { return written(a).Compare(written(b)) })
		if err == nil && len(states) < 2 {
			err = errors.New("the node takes no snapshots")
		}
		return err
	})
	return states, err
}

// written returns when a file was written last.
func written(path string) (at time.Time) {
	if info, err := os.Stat(path); err == nil {
		at = info.ModTime()
	}
	return at
}

// damagedLog spoils the log of a node that does not run: it refuses to start. The
// runbook makes it a new node, which gets everything from the others.
func (w *ward) damagedLog(ctx context.Context) error {
	w.cluster.Kill(w.patient)
	mark := w.mark()
	if err := spoil(filepath.Join(w.patient.Dir(), "raft.db")); err != nil {
		return err
	}
	if err := w.cluster.Restart(w.patient); err != nil {
		return err
	}
	if err := w.ends(ctx, "damaged log", mark, "the data directory is damaged", "raft.db"); err != nil {
		return err
	}
	err := soon(ctx, func() error {
		_, err := w.others[0].Must(ctx, http.MethodDelete, "/v1/cluster/nodes/"+w.patient.Name, nil, nil)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.patient.Wipe(); err != nil {
		return err
	}
	if err := w.cluster.Reexpect(w.patient, 0); err != nil {
		return err
	}
	if err := w.back(ctx); err != nil {
		return err
	}
	three := &grower{cluster: w.cluster, first: w.others[0]}
	return three.members(ctx, 3)
}

// spoil flips a bit in every 512 bytes of a file.
func spoil(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := range content {
		if i%512 == 100 && content[i] != 0 {
			content[i] ^= 4
		}
	}
	return os.WriteFile(path, content, 0o600)
}
