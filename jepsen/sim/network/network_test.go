package network

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// pair returns two ends of a stream from a to b.
func pair(t *testing.T, a, b *Host) (here, there net.Conn) {
	t.Helper()
	l, err := b.Listen(t.Context(), "b:1")
	if err != nil {
		t.Fatal(err)
	}
	if here, err = a.Dial(t.Context(), "b:1"); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return here, there
}

func TestHTTPRunsOnIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host("a"), n.Host("b")
		l, err := b.Listen(t.Context(), "b:80")
		if err != nil {
			t.Fatal(err)
		}
		long := bytes.Repeat([]byte("limit"), 200_000)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		})}
		go func() { _ = server.Serve(l) }()
		transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return a.Dial(ctx, address) }}
		answer, err := (&http.Client{Transport: transport}).Post("http://b:80/", "text/plain", bytes.NewReader(long))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(answer.Body); err != nil || !bytes.Equal(got, long) {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestACutStallsBytesUntilItIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		here, there := pair(t, n.Host("a"), n.Host("b"))
		n.Set(Link{"a", "b"}, Rule{Cut: true})
		time.AfterFunc(5*time.Second, n.Heal)
		began := time.Now()
		if _, err := here.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := there.Write([]byte("the way back")); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Read(make([]byte, 20)); err != nil || time.Since(began) > time.Second {
			t.Errorf("the way back: %v after %v", err, time.Since(began))
		}
		if _, err := there.Read(make([]byte, 20)); err != nil || time.Since(began) < 5*time.Second {
			t.Errorf("the cut way: %v after %v", err, time.Since(began))
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		here, _ := pair(t, n.Host("a"), n.Host("b"))
		began := time.Now()
		_ = here.SetReadDeadline(began.Add(time.Second))
		if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		_ = here.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { _ = here.SetReadDeadline(time.Unix(1, 0)) })
		if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a deadline that was moved under a reader: %v", err)
		}
	})
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		here, there := pair(t, n.Host("a"), n.Host("b"))
		_, _ = here.Write([]byte("last words"))
		_ = here.Close()
		if got, err := io.ReadAll(there); err != nil || string(got) != "last words" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := there.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a write to a closed end: %v", err)
		}
	})
}

func TestADeadHostIsHeardNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host("a"), n.Host("b")
		here, there := pair(t, a, b)
		b.Kill()
		if _, err := here.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the end of a dead process: %v", err)
		}
		if _, err := there.Write([]byte("x")); err == nil {
			t.Error("the dead wrote")
		}
		if _, err := a.Dial(t.Context(), "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a dial to a dead process: %v", err)
		}
		if _, err := b.Dial(t.Context(), "a:1"); err == nil {
			t.Error("the dead dialled")
		}
	})
}

func TestDialThroughACutTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host("a"), n.Host("b")
		if _, err := b.Listen(t.Context(), "b:1"); err != nil {
			t.Fatal(err)
		}
		n.Set(Link{"b", "a"}, Rule{Cut: true})
		began := time.Now()
		if _, err := a.Dial(t.Context(), "b:1"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != connectTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// answer has a transport answer every request.
func answer(t *Transport) {
	for {
		select {
		case rpc := <-t.Consumer():
			rpc.Respond(&raft.RequestVoteResponse{Granted: true}, nil)
		case <-t.host.dead:
			return
		}
	}
}

func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		a, b := n.Host("a"), n.Host("b")
		from, to := a.Transport("ida", "a:1"), b.Transport("idb", "b:1")
		go answer(to)
		vote := func(id raft.ServerID) error {
			return from.RequestVote(id, "b:1", &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
		}
		if err := vote("idb"); err != nil {
			t.Error(err)
		}
		if err := vote("idx"); !errors.Is(err, errOtherID) {
			t.Errorf("a call to another id: %v", err)
		}
		n.Set(Link{"b", "a"}, Rule{Cut: true})
		if err := vote("idb"); !errors.Is(err, errSilent) {
			t.Errorf("an answer over a cut link: %v", err)
		}
		n.Set(Link{"b", "a"}, Rule{})
		n.Set(Link{"a", "b"}, Rule{Loss: 1})
		if err := vote("idb"); !errors.Is(err, errSilent) {
			t.Errorf("a lost message: %v", err)
		}
		n.Set(Link{"a", "b"}, Rule{Dup: 1})
		if err := vote("idb"); err != nil || n.Count().Doubled != 1 {
			t.Errorf("a doubled message: %v, %+v", err, n.Count())
		}
		b.Hold()
		time.AfterFunc(300*time.Millisecond, b.Release)
		if err := vote("idb"); err != nil {
			t.Errorf("a message to a host that was held for a while: %v", err)
		}
		a.Kill()
		if err := vote("idb"); !errors.Is(err, ErrDead) {
			t.Errorf("a call of the dead: %v", err)
		}
		b.Kill()
	})
}

func TestCopiesShareNothing(t *testing.T) {
	e := &raft.Log{Index: 1, Data: []byte("x"), Extensions: []byte("y"), AppendedAt: time.Now()}
	c := Copy(e)
	e.Data[0], e.Extensions[0] = 'z', 'z'
	if string(c.Data) != "x" || string(c.Extensions) != "y" || c.AppendedAt.String() == e.AppendedAt.String() {
		t.Errorf("%+v", c)
	}
}

// TestAReaderSleepsUntilBytesArrive has a reader that is waiting when bytes are
// sent over a slow link, and two that wait at once.
func TestAReaderSleepsUntilBytesArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		here, there := pair(t, n.Host("a"), n.Host("b"))
		n.Set(Link{"a", "b"}, Rule{Delay: time.Second})
		began := time.Now()
		time.AfterFunc(time.Second, func() { _, _ = here.Write([]byte("x")) })
		if _, err := there.Read(make([]byte, 1)); err != nil || time.Since(began).Round(time.Millisecond) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ended := make(chan error)
		for range 2 {
			go func() {
				_, err := there.Read(make([]byte, 1))
				ended <- err
			}()
		}
		time.AfterFunc(time.Second, func() { _ = here.Close() })
		for range 2 {
			if err := <-ended; err != io.EOF {
				t.Errorf("one of two readers: %v", err)
			}
		}
	})
}
