package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

var errStale = errors.New("a later holder has written already")

// store is what the limit guards. It refuses whoever comes with a lower token
// than somebody before: that is the one check that no pause, however long, can
// get past, because it is made where the write is.
type store struct {
	mu      sync.Mutex
	highest uint64 // guarded by mu; of all tokens that wrote
	value   string // guarded by mu
}

func (s *store) write(token uint64, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token < s.highest {
		return fmt.Errorf("token %d refused, %d has written: %w", token, s.highest, errStale)
	}
	s.highest, s.value = token, value
	return nil
}

// A program is stopped between the check of its lease and its write, for longer
// than the lease lives. Meanwhile another gets the slot, and writes. The store
// refuses the first one's write: its token is lower.
func Example_fencing() {
	kit := clienttest.Start()
	defer kit.Close()
	kit.SetLimit("ledger", client.LimitSettings{Slots: 1})
	ctx := context.Background()
	ledger := &store{}
	request := client.Request{Limits: client.Slots{"ledger": 1}, TTL: 10 * time.Second, Wait: time.Minute}

	first, err := kit.Client().Acquire(ctx, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	if first.Err() != nil { // the check: the lease is held
		return
	}

	kit.Advance(30 * time.Second) // and here the machine sleeps

	second, err := kit.Client().Acquire(ctx, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the second writes:", ledger.write(second.Token(), "second"))
	fmt.Println("the first writes:", ledger.write(first.Token(), "first"))
	fmt.Println("the ledger says:", ledger.value)
	// Output:
	// the second writes: <nil>
	// the first writes: token 1 refused, 2 has written: a later holder has written already
	// the ledger says: second
}
