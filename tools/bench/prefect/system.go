package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/limitd/limitd/tools/bench/prefect/floor"
	"github.com/limitd/limitd/tools/bench/rig"
)

// system is one of those that are compared: servers, and the process that runs
// callers against them.
type system struct {
	name    string
	address string // host:port of the API, for all clients
	// kill ends its servers by SIGKILL, and restart starts them again. They are nil
	// where there is nothing to kill.
	kill    func()
	restart func(context.Context) error
	// instant: its limits have no decay.
	instant bool
	close   func() error

	driver *driver
}

// api returns the base of the API.
func (s *system) api() string { return "http://" + s.address + "/api" }

// Close ends callers and servers.
func (s *system) Close() error {
	if s.driver != nil {
		s.driver.close()
	}
	return s.close()
}

// startFloor starts the server that grants at no cost, in this process.
func startFloor() *system {
	server := httptest.NewServer(floor.New())
	return &system{name: "floor", address: server.Listener.Addr().String(), instant: true, close: func() error {
		server.CloseClientConnections()
		server.Close()
		return nil
	}}
}

// startLimitd starts three nodes. Clients are told one that follows.
func startLimitd(ctx context.Context, binary, dir, store string) (*system, error) {
	c, err := rig.StartLimitd(ctx, rig.Place{Binary: binary, Dir: dir}, store, "")
	if err != nil {
		return nil, err
	}
	return &system{
		name: "limitd", address: c.Follower, close: c.Close,
		kill: func() {
			for _, n := range c.Nodes.Nodes() {
				c.Nodes.Kill(n)
			}
		},
		restart: func(ctx context.Context) error {
			var errs []error
			for _, n := range c.Nodes.Nodes() {
				errs = append(errs, c.Nodes.Restart(n))
			}
			return errors.Join(errors.Join(errs...), c.Look(ctx))
		},
	}, nil
}

// call makes a request with a JSON body, nil: with none, and reads a JSON answer.
func call(ctx context.Context, method, url string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, url, res.Status, answer)
	case into != nil:
		return json.Unmarshal(answer, into)
	}
	return nil
}

const limitsPath = "/v2/concurrency_limits/"

// createLimit makes a limit that is not active: it admits all, so that callers
// can get ready with it.
func (s *system) createLimit(ctx context.Context, name string, slots int, decay float64) error {
	return call(ctx, http.MethodPost, s.api()+limitsPath,
		map[string]any{"name": name, "limit": slots, "slot_decay_per_second": decay, "active": false}, nil)
}

// activate has a limit begin to count.
func (s *system) activate(ctx context.Context, name string) error {
	return call(ctx, http.MethodPatch, s.api()+limitsPath+name, map[string]bool{"active": true}, nil)
}

// occupied returns how many slots of a limit are taken.
func (s *system) occupied(ctx context.Context, name string) (int, error) {
	var l struct {
		Taken int `json:"active_slots"`
	}
	err := call(ctx, http.MethodGet, s.api()+limitsPath+name, nil, &l)
	return l.Taken, err
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress() (host, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer l.Close()
	return net.SplitHostPort(l.Addr().String())
}
