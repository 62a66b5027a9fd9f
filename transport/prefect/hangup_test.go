package prefect_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/prefect"
)

// wired is a world that clients reach over TCP.
type wired struct {
	*world
	address string
	calls   chan context.Context // of each request that came in
	ran     chan command.Command // each that has run
}

func newWired(t *testing.T, w *world) *wired {
	t.Helper()
	x := &wired{world: w, calls: make(chan context.Context, 10), ran: make(chan command.Command, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		x.calls <- r.Context()
		w.api.ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	x.address = server.Listener.Addr().String()
	w.After = func(cmd command.Command) error {
		x.ran <- cmd
		return nil
	}
	return x
}

// send sends a request on a connection of its own.
func (x *wired) send(path, body string) net.Conn {
	x.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(x.t.Context(), "tcp", x.address)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = conn.Close() }) // mostly closed already
	if _, err := fmt.Fprintf(conn, "POST %s%s%s HTTP/1.1\r\nHost: n1\r\nContent-Length: %d\r\n\r\n%s",
		prefect.Base, limitsPath, path, len(body), body); err != nil {
		x.t.Fatal(err)
	}
	return conn
}

// hasRun waits until a command of this kind has run.
func (x *wired) hasRun(kind command.Kind) {
	x.t.Helper()
	for {
		select {
		case cmd := <-x.ran:
			if cmd.Op.Kind() == kind {
				return
			}
		case <-x.t.Context().Done():
			x.t.Fatalf("no command of kind %v has run", kind)
		}
	}
}

// granted reads the answer on a connection.
func (x *wired) granted(conn net.Conn) {
	x.t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if answer.StatusCode != http.StatusOK {
		x.t.Errorf("status %d", answer.StatusCode)
	}
}

// A connection that breaks while its request waits leaves nothing, and the same
// request on another one gets its slot, once.
func TestConnectionBreaksInQueue(t *testing.T) {
	for _, path := range []string{"/increment", "/increment-with-lease"} {
		w, lease := one(t, prefect.MaxHold)
		x := newWired(t, w)
		broken := x.send(path, ask)
		x.hasRun(command.KindAcquire)
		_ = broken.Close()
		x.hasRun(command.KindCancel)
		again := x.send(path, ask)
		x.hasRun(command.KindAcquire)
		w.release(lease)
		x.granted(again)
		if l := w.limit("db"); l.occupied != 1 || l.waiting != 0 {
			t.Errorf("%s: %+v", path, l)
		}
	}
}

// A connection that breaks after the grant, before the answer, gives the slot
// back; the same request on another one gets it.
func TestConnectionBreaksBeforeTheAnswer(t *testing.T) {
	for path, last := range map[string]command.Kind{"/increment": command.KindDecrement, "/increment-with-lease": command.KindCancel} {
		w := newWorld(t, prefect.MaxHold)
		w.post("/", `{"name":"db","limit":1}`).must(201)
		x := newWired(t, w)
		broken := make(chan net.Conn, 1)
		note := w.After
		w.After = func(cmd command.Command) error {
			if cmd.Op.Kind() == command.KindAcquire {
				w.After = note
				_ = (<-broken).Close()
				<-(<-x.calls).Done()
			}
			return note(cmd)
		}
		broken <- x.send(path, ask)
		x.hasRun(last)
		x.granted(x.send(path, ask))
		if l := w.limit("db"); l.occupied != 1 || l.waiting != 0 {
			t.Errorf("%s: %+v", path, l)
		}
		if want := strings.Count(path, "lease"); w.leases() != want {
			t.Errorf("%s: %d leases, want %d", path, w.leases(), want)
		}
	}
}
