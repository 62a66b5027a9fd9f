package client_test

import (
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/client/clienttest"
)

func export(ctx context.Context, nodes []string) error {
	c, err := client.New(client.Config{Addresses: nodes}) // of all nodes: 127.0.0.1:7480 and so on
	if err != nil {
		return err
	}
	defer c.Close()

	lease, err := c.Acquire(ctx, client.Request{
		Limits: client.Slots{"db": 2, "mail": 1}, // both or neither
		Wait:   30 * time.Second,
	})
	if err != nil {
		return err
	}
	defer lease.Release(context.WithoutCancel(ctx))

	return write(lease.Context(), lease.Token()) // the context ends before the slots can be another's
}

func write(ctx context.Context, token uint64) error {
	if token != 1 {
		panic("the first grant has another token")
	}
	return ctx.Err()
}

// The README's program is this file's, and does what it says.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	noError(t, err)
	source, err := os.ReadFile("readme_test.go")
	noError(t, err)
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	program, _, _ := strings.Cut(rest, "```")
	if !strings.Contains(string(source), program) || !strings.Contains(program, "func export(") {
		t.Errorf("readme_test.go lacks what README.md shows:\n%s", program)
	}
	kit := clienttest.New(t)
	kit.SetLimit("db", client.LimitSettings{Slots: 2})
	kit.SetLimit("mail", client.LimitSettings{Slots: 1})
	server := httptest.NewServer(kit.Handler())
	defer server.Close()
	noError(t, export(t.Context(), []string{server.URL}))
	db, err := kit.Client().Limit(t.Context(), "db")
	noError(t, err)
	if db.Status.Occupied != 0 {
		t.Errorf("%d slots are left behind", db.Status.Occupied)
	}
}
