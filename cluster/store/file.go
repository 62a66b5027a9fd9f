package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Reader gives random bytes: crypto/rand.Reader, or a seeded one in tests.
type Reader = io.Reader

const (
	idFile      = "node-id"
	formedFile  = "formed-with"
	clusterFile = "cluster-id"
	restoreFile = "restoring"
)

// NewID returns a random UUID (version 4) of bytes from r.
func NewID(r Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// nodeID reads the node's id, or makes it where the directory is new. A
// directory that lost its id but kept its log is refused: a voter with a new
// id would vote twice.
func nodeID(dir string, r Reader) (string, error) {
	id, err := readFile(dir, idFile)
	if err != nil || id != "" {
		return id, err
	}
	if _, err := os.Stat(filepath.Join(dir, "raft.db")); err == nil {
		return "", fmt.Errorf("%w: %s has a log but no file %s", ErrDamaged, dir, idFile)
	}
	if id, err = NewID(r); err != nil {
		return "", err
	}
	return id, writeFile(dir, idFile, id)
}

// Promise returns the id of the node that this one agreed to form a cluster
// with, or "".
func (s *Stores) Promise() (string, error) {
	return s.note(formedFile)
}

// SetPromise keeps id, the node that this one agrees to form a cluster with.
// It is on disk when SetPromise returns.
func (s *Stores) SetPromise(id string) error {
	return s.setNote(formedFile, id)
}

// ClusterID returns the id of the cluster that this node belongs to, in
// hexadecimal, or "" where it is not known yet.
func (s *Stores) ClusterID() (string, error) {
	return s.note(clusterFile)
}

// SetClusterID keeps the cluster's id. It is on disk when SetClusterID returns.
func (s *Stores) SetClusterID(id string) error {
	return s.setNote(clusterFile, id)
}

// ErrHalfRestored says that a backup was restored on this node without the
// others: its state is one that the cluster never agreed to.
var ErrHalfRestored = errors.New("store: a backup was restored on this node, but the cluster did not take it: empty the data directory, and the node joins as a new one")

// MarkRestore notes on disk that a restore is under way, or that it ended.
func (s *Stores) MarkRestore(underWay bool) error {
	if underWay {
		return s.setNote(restoreFile, "a backup is being restored")
	}
	if s.Dir == "" {
		return s.setNote(restoreFile, "")
	}
	err := os.Remove(filepath.Join(s.Dir, restoreFile))
	if err == nil {
		err = syncDir(s.Dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", restoreFile, err)
	}
	return nil
}

// note returns a line that the node keeps, "" where there is none.
func (s *Stores) note(name string) (string, error) {
	if s.Dir != "" {
		return readFile(s.Dir, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes[name], nil
}

func (s *Stores) setNote(name, text string) error {
	if s.Dir != "" {
		return writeFile(s.Dir, name, text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[name] = text
	return nil
}

// A kept file is a line of text and a line with the checksum of it: the text
// says who this node is, and with a bit of it changed it would be another.
//
//	672df220-b2c0-4509-9412-93ff3824ebe2
//	crc32c 5d0f3a11

// readFile reads a kept text; "" where there is no such file.
func readFile(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	text, rest, _ := strings.Cut(string(b), "\n")
	if string(b) != kept(text) && (rest != "" || !isBareID(text)) {
		return "", fmt.Errorf("%w: %s does not match its checksum", ErrDamaged, path)
	}
	return text, nil
}

// isBareID tells whether text is all that a file of an early directory has,
// which was written without a checksum: a UUID, or 16 bytes in hexadecimal.
func isBareID(text string) bool {
	return (len(text) == 36 || len(text) == 32) && strings.Trim(text, "0123456789abcdef-") == ""
}

// kept returns the content of the file that keeps text.
func kept(text string) string {
	return fmt.Sprintf("%s\ncrc32c %08x\n", text, crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// writeFile replaces a file so that after a crash it is whole, old or new.
func writeFile(dir, name, text string) error {
	tmp, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) // gone already where the rename succeeded
	_, err = tmp.WriteString(kept(text))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
