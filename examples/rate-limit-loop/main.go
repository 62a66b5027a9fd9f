// Rate-limit-loop is the shortest program with a rate limit.
//
//	limitd limit create rate-limited-api --slots 5 --rate 10/m
//	go run ./examples/rate-limit-loop
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"

	"github.com/limitd/limitd/client"
)

func main() {
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for range 10 {
		if err := c.RateLimit(context.Background(), "rate-limited-api"); err != nil {
			log.Fatal(err)
		}
		fmt.Println("Making an HTTP request...")
	}
	_ = c.Close()
}
