// Workers is a pool of goroutines that work off jobs, of which no more run at
// one moment than the limit "jobs" has slots, over all such programs together.
// A worker whose lease is lost stops at once, and its job is done again.
//
//	limitd limit create jobs --slots 3
//	go run ./examples/workers -workers 10 -jobs 100
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/limitd/limitd/client"
)

func main() {
	workers := flag.Int("workers", 4, "goroutines")
	count := flag.Int("jobs", 20, "jobs to do")
	work := flag.Duration("work", 100*time.Millisecond, "how long a job takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	jobs := make(chan int)
	var pool sync.WaitGroup
	for range *workers {
		pool.Go(func() { worker(ctx, c, jobs, *work) })
	}
	for job := 0; job < *count && ctx.Err() == nil; job++ {
		select {
		case jobs <- job:
		case <-ctx.Done():
		}
	}
	close(jobs)
	pool.Wait()
	_ = c.Close()
}

// worker does jobs until there are none, or ctx ends.
func worker(ctx context.Context, c *client.Client, jobs <-chan int, work time.Duration) {
	for job := range jobs {
		err := attempt(ctx, c, job, work)
		for errors.Is(err, client.ErrLeaseLost) {
			err = attempt(ctx, c, job, work)
		}
		if err != nil {
			log.Printf("job %d: %v", job, err)
		}
	}
}

// attempt does a job under a slot.
func attempt(ctx context.Context, c *client.Client, job int, work time.Duration) error {
	return c.Concurrency(ctx, []string{"jobs"}, func(ctx context.Context) error { return do(ctx, job, work) })
}

// do does one job while ctx lasts.
func do(ctx context.Context, job int, work time.Duration) error {
	select {
	case <-time.After(work): // stands for the work
		fmt.Println("job", job, "done under token", client.LeaseFrom(ctx).Token())
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
