// Middleware is a web server that lets no more requests into its slow handler
// at one moment than the limit "uploads" has slots, and no more in a while than
// the rate limit "requests" allows, over all such servers together. Who finds no
// room within two seconds gets 429 and is told when to come again.
//
//	limitd limit create uploads --slots 2
//	limitd limit create requests --slots 20 --rate 10/s
//	go run ./examples/middleware -listen 127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/limitd/limitd/client"
)

// limited serves next to requests that get a slot of uploads, and one of
// requests in the same step; the others are told to come again. When nobody can
// say whether there is room, nobody is let in.
func limited(c *client.Client, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served := false
		err := c.Concurrency(r.Context(), []string{"uploads"}, func(ctx context.Context) error {
			served = true
			next.ServeHTTP(w, r.WithContext(ctx))
			return nil
		}, client.WithWait(2*time.Second), func(q *client.Request) {
			q.RateLimits = client.Slots{"requests": 1}
		})
		if !served {
			refuse(w, err)
		}
	})
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, client.ErrDenied) || errors.Is(err, client.ErrTimeout) {
		status = http.StatusTooManyRequests
	}
	var e *client.Error
	if errors.As(err, &e) && e.RetryAfter >= 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	http.Error(w, err.Error(), status)
}

// upload stands for what must not run too often at once.
func upload(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(100 * time.Millisecond):
		_, _ = fmt.Fprintln(w, "uploaded")
	case <-r.Context().Done(): // the caller hung up, or the lease was lost
	}
}

func serve(ctx context.Context, c *client.Client, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: limited(c, http.HandlerFunc(upload)), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := client.ConfigFromEnv()
	cfg.Logger = slog.Default() // says so when no node answers
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, c, *address); err != nil {
		log.Fatal(err)
	}
	_ = c.Close()
}
