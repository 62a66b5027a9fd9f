// Concurrency adds numbers, each pair while it holds a slot of the limit
// "database": however many of these programs run, on however many machines, no
// more of them add at one moment than the limit has slots.
//
//	limitd limit create database --slots 2
//	go run ./examples/concurrency
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"sync"

	"github.com/limitd/limitd/client"
)

func processData(ctx context.Context, c *client.Client, x, y int) error {
	return c.Concurrency(ctx, []string{"database"}, func(context.Context) error {
		fmt.Println(x, "+", y, "=", x+y)
		return nil
	})
}

func main() {
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	var group sync.WaitGroup
	for _, pair := range [][2]int{{1, 2}, {2, 3}, {3, 4}, {4, 5}} {
		group.Go(func() {
			if err := processData(context.Background(), c, pair[0], pair[1]); err != nil {
				log.Print(err)
			}
		})
	}
	group.Wait()
	_ = c.Close()
}
