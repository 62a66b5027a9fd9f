// Rate-limit makes ten requests, no faster than the limit "rate-limited-api"
// allows to all programs together.
//
//	limitd limit create rate-limited-api --slots 5 --rate 10/m
//	go run ./examples/rate-limit
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"sync"

	"github.com/limitd/limitd/client"
)

func makeHTTPRequest(ctx context.Context, c *client.Client) error {
	if err := c.RateLimit(ctx, "rate-limited-api"); err != nil {
		return err
	}
	fmt.Println("Making an HTTP request...")
	return nil
}

func main() {
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := makeHTTPRequest(context.Background(), c); err != nil {
				log.Print(err)
			}
		})
	}
	group.Wait()
	_ = c.Close()
}
