package forward

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func testLink(cfg linkConfig) (*link, net.Conn) {
	if cfg.pingEvery == 0 {
		cfg.pingEvery = 250 * time.Millisecond
	}
	if cfg.deadAfter == 0 {
		cfg.deadAfter = time.Second
	}
	if cfg.idleAfter == 0 {
		cfg.idleAfter = 240
	}
	if cfg.maxCalls == 0 {
		cfg.maxCalls = 100
	}
	if cfg.maxBytes == 0 {
		cfg.maxBytes = 1 << 20
	}
	here, there := net.Pipe()
	return startLink(here, cfg), there
}

// answerPings answers pings on c, and nothing else, until c ends.
func answerPings(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		if f.kind == framePing {
			if _, err := c.Write(appendFrame(nil, framePong, f.number)); err != nil {
				return
			}
		}
	}
}

func TestLinkBoundsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := testLink(linkConfig{maxCalls: 2})
		defer l.close(errLinkClosed)
		go answerPings(there)
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() { _, _ = l.call(ctx, request{kind: frameStatus}) })
		}
		synctest.Wait()
		_, err := l.call(ctx, request{kind: frameStatus})
		if !errors.Is(err, ErrOverloaded) || problemOf(err).fate != fateFinal {
			t.Errorf("the third call of two: %v", err)
		}
		cancel()
		wait.Wait()
		_, err = l.call(ctx, request{kind: frameStatus})
		if errors.Is(err, ErrOverloaded) {
			t.Error("calls that were given up still count")
		}
	})
}

func TestLinkBoundsItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := testLink(linkConfig{maxBytes: 1000})
		defer l.close(errLinkClosed)
		defer func() { _ = there.Close() }()
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		for range 2 { // one being written to a node that does not read, one waiting
			wait.Go(func() { _, _ = l.call(ctx, request{kind: frameRun, body: [][]byte{make([]byte, 2000)}}) })
			synctest.Wait()
		}
		if _, err := l.call(ctx, request{kind: frameStatus}); !errors.Is(err, ErrOverloaded) {
			t.Errorf("got %v", err)
		}
		cancel()
		wait.Wait()
	})
}

// What never left is known to have had no effect; what may have left is not.
func TestLostCallsAreTellApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := testLink(linkConfig{})
		if f, err := readFrame(bufio.NewReader(there)); err != nil || f.kind != framePing { // the first, alone
			t.Fatalf("read %v, %v", f, err)
		}
		errs := make(chan error, 2)
		call := func() { _, err := l.call(context.Background(), request{kind: frameStatus}); errs <- err }
		go call() // its Write is under way: nobody reads
		synctest.Wait()
		go call() // waits in the outbox
		synctest.Wait()
		_ = there.Close()
		got := map[fate]int{}
		for range 2 {
			got[problemOf(<-errs).fate]++
		}
		if got[fateNone] != 1 || got[fateUnknown] != 1 {
			t.Errorf("fates of a call that left and one that did not: %v", got)
		}
		l.close(errLinkClosed)
	})
}

func TestUnusedLinkCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := testLink(linkConfig{idleAfter: 4})
		go answerPings(there)
		begun := time.Now()
		<-l.done
		if took := time.Since(begun); took != 1250*time.Millisecond {
			t.Errorf("an unused link closed after %v", took)
		}
		l.close(errLinkClosed)
	})
}

func TestDamagedFrameEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := testLink(linkConfig{})
		go answerPings(there)
		done := make(chan error)
		go func() { _, err := l.call(context.Background(), request{kind: frameStatus}); done <- err }()
		synctest.Wait()
		_, _ = there.Write([]byte{1, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9})
		if err := <-done; !errors.Is(err, errFrame) || problemOf(err).fate != fateUnknown {
			t.Errorf("got %v", err)
		}
		l.close(errLinkClosed)
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, frameRun, 7, []byte("body")))
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bufio.NewReader(bytes.NewReader(b)))
		if err == nil && !bytes.HasPrefix(b, appendFrame(nil, got.kind, got.number, got.body)) {
			t.Errorf("%x was read as %+v", b, got)
		}
	})
}

func FuzzBodies(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = decodeRun(b)
		_, _ = decodeAnswer(b)
		_, _ = decodeIndex(b)
		_, _, _ = decodeDigest(b)
		_, _ = decodeStatus(b)
		if readProblem(b) == nil {
			t.Error("a problem that is none")
		}
	})
}
