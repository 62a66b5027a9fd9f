package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
)

// bbolt walks through its file when it opens it, in a goroutine of its own: where
// a page is missing, or of the wrong kind, it ends the process, and nobody could
// say why. So the file is walked through before, here, by its format:
//
//	page     id (8 bytes), flags (2), count (2), overflow (4), then its elements
//	meta     pages 0 and 1: magic, version, page size, flags (4 each), root page and
//	         sequence of the root bucket, freelist, pages in all, transaction (8 each),
//	         FNV-64a of that (8). The one with the higher transaction counts
//	branch   elements: position, key size (4 each), page (8)
//	leaf     elements: flags, position, key size, value size (4 each); the value of a
//	         bucket begins with its root page, 0 for one that is a page in the value
//
// All numbers are in the machine's order, which is little endian here; a file of a
// big endian machine has no meta page that can be read, and is left to bbolt.

const (
	pageHead    = 16 // bytes before the elements
	elementSize = 16
	metaSize    = 64
	bucketHead  = 16

	metaMagic    = 0xED0CDAED
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagBucket   = 0x01 // of a leaf's element
	smallestPage = 1 << 10
	largestPage  = 1 << 16
)

// checkPages tells what is wrong with the pages of a bbolt file. A file that is
// missing, or empty, is sound; the lock on it is held meanwhile.
func checkPages(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	lock, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w := &pageWalk{file: f, size: info.Size(), seen: make(map[uint64]bool)}
	if !w.readMeta() {
		return nil
	}
	return w.page(w.root)
}

// pageWalk is one way through a file.
type pageWalk struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	pages    uint64 // in all
	seen     map[uint64]bool
}

// readMeta reads the meta pages; false: none can be read here.
func (w *pageWalk) readMeta() bool {
	newest, found := uint64(0), false
	for size := int64(smallestPage); size <= largestPage; size *= 2 {
		for _, at := range [...]int64{0, size} {
			b := make([]byte, pageHead+metaSize)
			if _, err := w.file.ReadAt(b, at); err != nil {
				continue
			}
			m := b[pageHead:]
			sum := fnv.New64a()
			_, _ = sum.Write(m[:metaSize-8])
			txid := binary.LittleEndian.Uint64(m[48:])
			if binary.LittleEndian.Uint32(m) != metaMagic || int64(binary.LittleEndian.Uint32(m[8:])) != size ||
				sum.Sum64() != binary.LittleEndian.Uint64(m[56:]) || found && txid < newest {
				continue
			}
			newest, found, w.pageSize = txid, true, size
			w.root, w.pages = binary.LittleEndian.Uint64(m[16:]), binary.LittleEndian.Uint64(m[40:])
		}
	}
	return found
}

func (w *pageWalk) wrong(id uint64, format string, args ...any) error {
	return fmt.Errorf("%w: page %d %s", ErrDamaged, id, fmt.Sprintf(format, args...))
}

// page walks through a page and all below it.
func (w *pageWalk) page(id uint64) error {
	b, err := w.read(id)
	if err != nil {
		return err
	}
	return w.elements(id, b)
}

// read reads a page with its overflow.
func (w *pageWalk) read(id uint64) ([]byte, error) {
	if id < 2 || id >= w.pages {
		return nil, w.wrong(id, "is named, and the file has %d", w.pages)
	}
	if w.seen[id] {
		return nil, w.wrong(id, "is used twice")
	}
	w.seen[id] = true
	at := int64(id) * w.pageSize
	head := make([]byte, pageHead)
	if at+w.pageSize > w.size {
		return nil, w.wrong(id, "is behind the end of the file, at %d bytes", w.size)
	}
	if _, err := w.file.ReadAt(head, at); err != nil {
		return nil, w.wrong(id, "cannot be read: %v", err)
	}
	if named := binary.LittleEndian.Uint64(head); named != id {
		return nil, w.wrong(id, "says that it is page %d", named)
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	long := int64(overflow+1) * w.pageSize
	if id+overflow >= w.pages || at+long > w.size {
		return nil, w.wrong(id, "goes on behind the end of the file, for %d pages", overflow)
	}
	b := make([]byte, long)
	if _, err := w.file.ReadAt(b, at); err != nil {
		return nil, w.wrong(id, "cannot be read: %v", err)
	}
	return b, nil
}

// elements walks through the elements of page id, or of a bucket in its value.
func (w *pageWalk) elements(id uint64, b []byte) error {
	flags, count := binary.LittleEndian.Uint16(b[8:]), int(binary.LittleEndian.Uint16(b[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return w.wrong(id, "is of the kind %#x", flags)
	}
	if pageHead+count*elementSize > len(b) {
		return w.wrong(id, "has %d elements in %d bytes", count, len(b))
	}
	for i := range count {
		at := pageHead + i*elementSize
		if flags == flagLeaf {
			if err := w.leaf(id, b, at); err != nil {
				return err
			}
			continue
		}
		e := b[at:]
		if at+int(binary.LittleEndian.Uint32(e))+int(binary.LittleEndian.Uint32(e[4:])) > len(b) {
			return w.wrong(id, "has a key behind its end")
		}
		if err := w.page(binary.LittleEndian.Uint64(e[8:])); err != nil {
			return err
		}
	}
	return nil
}

// leaf looks at the element of a leaf that stands at at, and walks through the
// bucket that it is.
func (w *pageWalk) leaf(id uint64, b []byte, at int) error {
	e := b[at:]
	key := at + int(binary.LittleEndian.Uint32(e[4:]))
	value := key + int(binary.LittleEndian.Uint32(e[8:]))
	end := value + int(binary.LittleEndian.Uint32(e[12:]))
	if end > len(b) {
		return w.wrong(id, "has a value behind its end")
	}
	if binary.LittleEndian.Uint32(e)&flagBucket == 0 {
		return nil
	}
	v := b[value:end]
	if len(v) < bucketHead {
		return w.wrong(id, "has a bucket of %d bytes", len(v))
	}
	if root := binary.LittleEndian.Uint64(v); root != 0 {
		return w.page(root)
	}
	if v = v[bucketHead:]; len(v) < pageHead {
		return w.wrong(id, "has a bucket of %d bytes", len(v))
	}
	return w.elements(id, v)
}
