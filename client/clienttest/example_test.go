package clienttest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

// What happens to a program whose machine sleeps for longer than its lease
// lives, while another waits.
func Example() {
	kit := clienttest.Start() // in a test: clienttest.New(t)
	defer kit.Close()
	kit.SetLimit("db", client.LimitSettings{Slots: 1})
	ctx := context.Background()
	request := client.Request{Limits: client.Slots{"db": 1}, TTL: time.Minute}

	sleeper, err := kit.Client().Acquire(ctx, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	kit.Advance(2 * time.Minute)

	next, err := kit.Client().Acquire(ctx, request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the sleeper lost its lease:", errors.Is(sleeper.Err(), client.ErrLeaseLost))
	fmt.Println("the next token is higher:", next.Token() > sleeper.Token())
	// Output:
	// the sleeper lost its lease: true
	// the next token is higher: true
}
