// Concurrency-async adds numbers, each pair while it holds a slot of the limit
// "database", and tells who is in its way while it waits.
//
//	limitd limit create database --slots 1
//	go run ./examples/concurrency-async
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/limitd/limitd/client"
)

func processData(ctx context.Context, c *client.Client, x, y int) error {
	lease, err := occupy(ctx, c, "database")
	if err != nil {
		return err
	}
	fmt.Println(x, "+", y, "=", x+y)
	return lease.Release(ctx)
}

// occupy waits for a slot, and tells who holds one every second.
func occupy(ctx context.Context, c *client.Client, limit string) (*client.Lease, error) {
	ticket := c.AcquireAsync(ctx, client.Request{
		Limits: client.Slots{limit: 1}, Wait: client.Forever, Missing: client.MissingCreate,
	})
	defer ticket.Cancel()
	for {
		select {
		case <-ticket.Ready():
			return ticket.Lease()
		case <-time.After(time.Second):
			for holder, err := range c.Holders(ctx, limit) {
				if err != nil {
					return nil, err
				}
				fmt.Println("waiting for", holder.Owner.Name, "on", holder.Owner.Host)
			}
		}
	}
}

func main() {
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for _, pair := range [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}} {
		if err := processData(context.Background(), c, pair[0], pair[1]); err != nil {
			log.Fatal(err)
		}
	}
	_ = c.Close()
}
