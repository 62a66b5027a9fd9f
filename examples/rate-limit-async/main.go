// Rate-limit-async makes ten requests, no faster than the limit
// "rate-limited-api" allows, and does something else while it waits.
//
//	limitd limit create rate-limited-api --slots 5 --rate 10/m
//	go run ./examples/rate-limit-async
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/limitd/limitd/client"
)

func run(ctx context.Context, c *client.Client) error {
	request := client.Request{RateLimits: client.Slots{"rate-limited-api": 1}, Wait: client.Forever, Missing: client.MissingCreate}
	something := time.NewTicker(time.Second)
	defer something.Stop()
	for range 10 {
		ticket := c.AcquireAsync(ctx, request)
		for waiting := true; waiting; {
			select {
			case <-ticket.Ready():
				waiting = false
			case <-something.C:
				fmt.Println("Doing something else...")
			}
		}
		if _, err := ticket.Lease(); err != nil {
			return err
		}
		fmt.Println("Making an HTTP request...")
	}
	return nil
}

func main() {
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	if err := run(context.Background(), c); err != nil {
		log.Fatal(err)
	}
	_ = c.Close()
}
