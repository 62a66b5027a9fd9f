package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/raft"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// Snapshot takes a snapshot of this node's own state and writes it to w. What
// Restore takes is exactly these bytes; they carry a format version and a
// checksum of their own.
func (r *Replica) Snapshot(ctx context.Context, w io.Writer) error {
	f := r.raft.Snapshot()
	if err := r.await(ctx, f); err != nil {
		return fmt.Errorf("take a snapshot: %w", err)
	}
	_, content, err := f.Open()
	if err != nil {
		return fmt.Errorf("open the snapshot: %w", err)
	}
	_, err = io.Copy(w, content)
	if err = errors.Join(err, content.Close()); err != nil {
		return fmt.Errorf("copy the snapshot: %w", err)
	}
	return nil
}

// restoreTimeout covers raft's acceptance of a restore and the record after it.
const restoreTimeout = time.Minute

// errRestored ends the tenure in which a backup was restored.
var errRestored = errors.New("cluster: a backup was restored")

// Restore puts the backup that backup reads in place of the cluster's state.
// This node must lead.
//
// Then limits without decay grant nothing for the quarantine (semantics.md S8):
// longestTTL is how long leases can run that were granted after the backup was
// taken, at most limit.MaxTTL; 0 says that nobody of their holders is at work.
// It is ErrRulesBehind where a member would not know of a quarantine.
//
// The backup is first rewritten beside raft: its tokens continue 2^40 beyond its
// own and the cluster's, so that none is given twice (semantics.md S2). A damaged
// one is refused here, before anything happened. Then no proposal is let in, those under way
// are waited for, raft takes the state and sends it to all nodes, and a new
// tenure continues from the restored time, without older offsets and without
// open calls: they end with ErrOutcomeUnknown and are asked again.
func (r *Replica) Restore(ctx context.Context, backup io.Reader, longestTTL time.Duration) error {
	t, err := r.leading(ctx)
	if err != nil {
		return err
	}
	if longestTTL > 0 && !t.raiseRules(command.KindEndQuarantine.Rules()) {
		return fmt.Errorf("%w: upgrade all of them, or restore with a longest_ttl of 0s, which says that no holder of before is at work", ErrRulesBehind)
	}
	restored := r.stats.restores.Load()
	spool, meta, err := r.rewrite(backup, longestTTL)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer spool.Close()
	select {
	case r.restoring <- struct{}{}:
		defer func() { <-r.restoring }()
	case <-ctx.Done():
		return fmt.Errorf("%w: wait for another restore: %w", ErrNoLeader, ctx.Err())
	}
	r.gate.set(true)
	defer r.gate.set(false)
	err = r.gate.drain(ctx)
	if err == nil { // a caller that went away leaves its record with raft: it must not be run after the restore, stamped before it
		err = r.futures.drain(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: wait for proposals under way: %w", ErrNoLeader, err)
	}
	if r.stats.restores.Load() != restored { // its tokens go on behind those of before, as those of the other one do
		again, its, err := r.rewrite(spool, longestTTL)
		if err != nil {
			return fmt.Errorf("read the backup again: %w", err)
		}
		defer again.Close()
		spool, meta = again, its
	}
	r.closeTenure()
	defer r.closeTenure() // one that was opened meanwhile has the clock of before
	return r.restore(ctx, meta, spool)
}

// closeTenure ends the tenure under way, and has a new one opened.
func (r *Replica) closeTenure() {
	if t := r.tenure.Swap(nil); t != nil {
		t.cancel(errRestored)
		r.reopen.wake()
	}
}

// restore hands the rewritten backup to raft and waits until a majority has it.
//
// raft's leader takes the state on before any other node has it. Where it then
// loses its leadership, its state is one that the cluster never agreed to, and
// raft would not notice: such a node stops for good. A mark on disk keeps it
// from starting again after a crash in between.
func (r *Replica) restore(ctx context.Context, meta *raft.SnapshotMeta, from io.Reader) error {
	alone := len(r.servers()) == 1
	if err := r.cfg.Stores.MarkRestore(!alone); err != nil {
		return err
	}
	before := r.stats.restores.Load()
	done := restoring{ended: make(chan struct{})}
	go func() {
		defer close(done.ended)
		done.err = r.raft.Restore(meta, from, restoreTimeout)
	}()
	err := r.await(ctx, &done)
	if err != nil && !alone && r.stats.restores.Load() != before {
		r.fatal(fmt.Errorf("%w: %w", store.ErrHalfRestored, err))
	}
	if merr := r.cfg.Stores.MarkRestore(false); err == nil {
		err = merr
	}
	if err != nil {
		return fmt.Errorf("restore the backup: %w", classify(err))
	}
	r.log.Info("restored a backup", "bytes", meta.Size)
	return nil
}

// restoring is a restore as a future.
type restoring struct {
	ended chan struct{}
	err   error
}

// Error waits for the restore.
func (f *restoring) Error() error {
	<-f.ended
	return f.err
}

// rewrite copies the backup, with its tokens moved on, to where raft can read
// it: a file of the data directory, or memory where there is none. raft lets
// the log go on behind the index that meta names, and behind its own.
func (r *Replica) rewrite(backup io.Reader, longestTTL time.Duration) (spool io.ReadCloser, meta *raft.SnapshotMeta, err error) {
	meta = &raft.SnapshotMeta{Version: 1, Term: 1}
	how := limit.Restoration{LongestTTL: int64(min(longestTTL, time.Duration(limit.MaxTTL)))}
	r.View(func(s *limit.State) { how.Token = s.Token() }) // fewer than 2^40 are given until the restore
	if r.cfg.Stores.Dir == "" {
		var b bytes.Buffer
		if meta.Index, err = limit.Rewrite(backup, &b, how); err != nil {
			return nil, nil, err
		}
		meta.Size = int64(b.Len())
		return io.NopCloser(&b), meta, nil
	}
	f, err := os.CreateTemp(r.cfg.Stores.Dir, ".restore-*")
	if err != nil {
		return nil, nil, err
	}
	err = os.Remove(f.Name()) // the open file lives on without its name
	var werr, serr, rerr error
	meta.Index, werr = limit.Rewrite(backup, f, how)
	meta.Size, serr = f.Seek(0, io.SeekCurrent)
	_, rerr = f.Seek(0, io.SeekStart)
	if err = errors.Join(err, werr, serr, rerr); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, meta, nil
}
