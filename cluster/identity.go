package cluster

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/limitd/limitd/cluster/store"
)

// ErrOtherCluster says that a node belongs to another cluster: two clusters
// never become one by accident.
var ErrOtherCluster = errors.New("cluster: another cluster's")

// identity is which cluster this node belongs to. It is learned once, from the
// first record or from a member that calls this node by its id, and kept on disk.
type identity struct {
	mu     sync.Mutex
	stores *store.Stores
	id     [16]byte
}

// load reads what an earlier start learned.
func (i *identity) load(s *store.Stores) error {
	i.stores = s
	text, err := s.ClusterID()
	if err != nil || text == "" {
		return err
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(i.id) {
		return fmt.Errorf("%w: the kept cluster id is %q", store.ErrDamaged, text)
	}
	copy(i.id[:], b)
	return nil
}

// learn notes the cluster's id. It returns ErrOtherCluster where this node
// knows another.
func (i *identity) learn(id [16]byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id == id {
		return nil
	}
	if i.id != ([16]byte{}) {
		return fmt.Errorf("%w: this node belongs to %x, not to %x", ErrOtherCluster, i.id, id)
	}
	if err := i.stores.SetClusterID(hex.EncodeToString(id[:])); err != nil {
		return err
	}
	i.id = id
	return nil
}

// get returns the cluster's id; zero where it is not known yet.
func (i *identity) get() [16]byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.id
}

// hex returns the cluster's id in hexadecimal; "" where it is not known yet.
func (i *identity) hex() string {
	id := i.get()
	if id == ([16]byte{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// ClusterID returns the cluster's id, zero where it is not known yet.
func (r *Replica) ClusterID() [16]byte { return r.identity.get() }
