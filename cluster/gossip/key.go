package gossip

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/memberlist"
)

var (
	// ErrKey says that a key, or a text of keys, cannot be read. It never shows one.
	ErrKey = errors.New("gossip keys")
	// ErrPlain says that encryption cannot begin or end while a node runs.
	ErrPlain = errors.New("gossip: encryption begins and ends with a start of the node")
)

// keySize is that of new keys, bytes: AES-256.
const keySize = 32

// NewKey returns a new key as a line of text for ParseKeys.
func NewKey() string {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeys reads one key a line, in base64. Empty lines, and those that begin
// with #, count for nothing. The first key is the one to encrypt with.
func ParseKeys(text string) ([][]byte, error) {
	var keys [][]byte
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || memberlist.ValidateKey(key) != nil {
			return nil, fmt.Errorf("%w: line %d is not 16, 24 or 32 bytes in base64; `limitd keygen` makes a key", ErrKey, number)
		}
		if slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
			return nil, fmt.Errorf("%w: line %d repeats a key", ErrKey, number)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: there is none; `limitd keygen` makes one", ErrKey)
	}
	return keys, nil
}

// SetKeys replaces the keys while the node runs. So a key is rotated: it is
// added on every node, then made the first on every node, then the old one is
// removed on every node; at each moment all nodes can read each other. It
// returns ErrPlain where there were no keys, or would be none.
func (g *Gossip) SetKeys(keys [][]byte) error { return g.ring.set(keys) }

// ring is the keys that memberlist uses.
type ring struct {
	mu   sync.Mutex
	keys *memberlist.Keyring
}

func newRing(keys [][]byte) (*ring, error) {
	var first []byte
	if len(keys) > 0 {
		first = keys[0]
	}
	k, err := memberlist.NewKeyring(keys, first)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &ring{keys: k}, nil
}

// set makes keys those of the ring. RemoveKey moves the keys behind the one that
// it removes, under the eyes of whoever decrypts; so those to be removed are
// brought to the end first, by using all the others once.
func (r *ring) set(keys [][]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(keys) == 0 || r.keys.GetPrimaryKey() == nil {
		return ErrPlain
	}
	for _, key := range keys {
		if err := r.keys.AddKey(key); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	if len(r.keys.GetKeys()) == len(keys) {
		return r.keys.UseKey(keys[0])
	}
	for _, key := range slices.Backward(keys) {
		if err := r.keys.UseKey(key); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	for _, old := range slices.Backward(r.keys.GetKeys()[len(keys):]) {
		if err := r.keys.RemoveKey(old); err != nil {
			return fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	return nil
}
