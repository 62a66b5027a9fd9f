package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Options say how Open keeps the log.
type Options struct {
	Kind   Kind   // default Bolt
	Rand   Reader // makes the id of a new node
	Logger hclog.Logger
	// Reserve is how many bytes of disk are kept to be given up when it is full;
	// 0 keeps none. 64 MiB (ReserveSize) let a node start and compact its log.
	Reserve int64
}

// ErrOtherStore says that the directory holds the log in the other kind of
// store: opening an empty one beside it would forget acknowledged entries.
var ErrOtherStore = errors.New("store: the data directory keeps its log in the other log_store")

// HasNode tells whether dir holds what a node keeps.
func HasNode(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, idFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReserveSize is a reserve that is enough to start with a full disk.
const ReserveSize = 64 << 20

// lockTimeout is how long Open waits for another process to let go of the files.
const lockTimeout = time.Second

// Open opens or makes the stores in dir. It returns ErrOtherStore where dir
// was used with the other kind, ErrDamaged, and ErrWrite where the disk is full,
// read-only or broken.
func Open(dir string, o Options) (*Stores, error) {
	s, err := openStores(dir, o)
	for _, fault := range [...]syscall.Errno{syscall.ENOSPC, syscall.EROFS, syscall.EIO, syscall.EDQUOT} {
		if errors.Is(err, fault) {
			return nil, fmt.Errorf("%w: %w", ErrWrite, err)
		}
	}
	return s, err
}

func openStores(dir string, o Options) (*Stores, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, restoreFile)); err == nil {
		return nil, fmt.Errorf("%w (%s)", ErrHalfRestored, dir)
	}
	id, err := nodeID(dir, o.Rand)
	if err != nil {
		return nil, err
	}
	if err := keepReserve(dir, o.Reserve, o.Logger); err != nil {
		return nil, err
	}
	s := &Stores{ID: id, Dir: dir}
	if err := s.checkLog("raft.db"); err != nil {
		return nil, err
	}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// checkLog refuses a directory whose node belongs to a cluster, and whose log is
// gone: it would go on under the id that acknowledged entries, and know of none. The
// file is on disk before the node learns whom it belongs to.
func (s *Stores) checkLog(file string) error {
	cluster, err := s.ClusterID()
	promise, err2 := s.Promise()
	if err := errors.Join(err, err2); err != nil || cluster == "" && promise == "" {
		return err
	}
	info, err := os.Stat(filepath.Join(s.Dir, file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s has no file %s, which held what this node had acknowledged", ErrDamaged, s.Dir, file)
	case err == nil && info.Size() == 0:
		return fmt.Errorf("%w: %s is empty; it held what this node had acknowledged", ErrDamaged, filepath.Join(s.Dir, file))
	}
	return err
}

func (s *Stores) open(o Options) error {
	bolt, err := s.openBolt()
	if err != nil {
		return err
	}
	s.Stable = bolt
	switch o.Kind {
	case Bolt, "":
		err = s.useBolt(bolt)
	case WAL:
		err = s.useWAL(bolt, o.Logger)
	default:
		err = fmt.Errorf("store: unknown log_store %q: use %q or %q", o.Kind, Bolt, WAL)
	}
	if err != nil {
		return err
	}
	s.Snapshot, err = raft.NewFileSnapshotStoreWithLogger(s.Dir, snapshotsKept, o.Logger)
	if err != nil {
		return fmt.Errorf("open the snapshots: %w", err)
	}
	return syncDir(s.Dir) // see checkLog
}

func (s *Stores) openBolt() (*raftboltdb.BoltStore, error) {
	path := filepath.Join(s.Dir, "raft.db")
	err := checkPages(path)
	var bolt *raftboltdb.BoltStore
	if err == nil {
		bolt, err = openDatabase(path)
	}
	switch {
	case errors.Is(err, ErrDamaged):
		return nil, fmt.Errorf("open %s: %w", path, err)
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: another process uses this data directory: %w", path, err)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch), errors.Is(err, bbolterrors.ErrChecksum):
		return nil, fmt.Errorf("%w: open %s: %w", ErrDamaged, path, err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.closers = append(s.closers, bolt)
	return bolt, nil
}

// openDatabase opens the file of bbolt, which walks through all its pages then,
// and panics where they do not fit together.
func openDatabase(path string) (bolt *raftboltdb.BoltStore, err error) {
	defer func() {
		if p := recover(); p != nil {
			bolt, err = nil, fmt.Errorf("%w: bbolt: %v", ErrDamaged, p)
		}
	}()
	return raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	}})
}

func (s *Stores) walDir() string { return filepath.Join(s.Dir, "wal") }

func (s *Stores) useBolt(bolt *raftboltdb.BoltStore) error {
	if _, err := os.Stat(s.walDir()); err == nil {
		return fmt.Errorf(`%w: set log_store = "wal", or empty %s to join as a new node`, ErrOtherStore, s.Dir)
	}
	s.Log = bolt
	return nil
}

func (s *Stores) useWAL(bolt *raftboltdb.BoltStore, log hclog.Logger) error {
	last, err := bolt.LastIndex()
	if err != nil {
		return fmt.Errorf("read the log of raft.db: %w", err)
	}
	if last > 0 {
		return fmt.Errorf(`%w: set log_store = "boltdb", or empty %s to join as a new node`, ErrOtherStore, s.Dir)
	}
	if err := s.checkLog(filepath.Join("wal", metadb.FileName)); err != nil {
		return err
	}
	if err := os.MkdirAll(s.walDir(), 0o700); err != nil {
		return fmt.Errorf("make the log's directory: %w", err)
	}
	if err := checkPages(filepath.Join(s.walDir(), metadb.FileName)); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	meta := &metadb.BoltMetaDB{} // the log leaves its own open when it is closed
	var w *wal.WAL
	err = guarded(func() (err error) {
		w, err = wal.Open(s.walDir(), wal.WithLogger(log.Named("wal")), wal.WithMetaStore(meta), wal.WithSegmentFiler(newSegments(s.walDir())))
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("open the log: %w", err), meta.Close())
	}
	s.closers = append(s.closers, w, meta)
	s.Log = w
	return syncDir(s.walDir())
}
