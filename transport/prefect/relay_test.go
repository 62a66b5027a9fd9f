package prefect_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/limitd/limitd/transport/prefect"
)

// prefectServer is one that wants a user and password, and says back what it is sent.
type prefectServer struct {
	url  *url.URL
	user string      // "user:password"; "": anybody may come
	seen chan string // headers, and each first message
}

func newPrefectServer(t *testing.T, user string, protocols ...string) *prefectServer {
	t.Helper()
	p := &prefectServer{user: user, seen: make(chan string, 99)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.seen <- r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Header.Get("X-Forwarded-For")
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: protocols})
		if err != nil {
			t.Error(err)
			return
		}
		conn.SetReadLimit(-1)
		p.serve(r.Context(), conn)
	}))
	t.Cleanup(server.Close)
	var err error
	if p.url, err = url.Parse(server.URL + "/api"); err != nil {
		t.Fatal(err)
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		p.url.User = url.UserPassword(name, password)
	}
	return p
}

func (p *prefectServer) serve(ctx context.Context, conn *websocket.Conn) {
	if conn.Subprotocol() == "prefect" {
		_, hello, _ := conn.Read(ctx)
		p.seen <- strings.TrimSpace(string(hello))
		if p.user != "" && !strings.Contains(string(hello), p.user) {
			_ = conn.Close(websocket.StatusPolicyViolation, "Unauthorized")
			return
		}
		_ = wsjson.Write(ctx, conn, map[string]string{"type": "auth_success"})
	}
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if string(text) == "end" {
			_ = conn.Close(4001, "as you wish")
			return
		}
		_ = conn.Write(ctx, kind, text)
	}
}

// open opens a stream at a node, and shows a token in it where there is one to show.
func open(t *testing.T, node, path, header, token string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if name, value, ok := strings.Cut(header, ": "); ok {
		options.HTTPHeader.Set(name, value)
	}
	if token != "" {
		options.Subprotocols = []string{"prefect"}
	}
	conn, res, err := websocket.Dial(t.Context(), node+prefect.Base+path, options)
	if err != nil || token == "" {
		return conn, res, err
	}
	conn.SetReadLimit(-1)
	var reply map[string]string
	if err = wsjson.Write(t.Context(), conn, map[string]string{"type": "auth", "token": token}); err == nil {
		err = wsjson.Read(t.Context(), conn, &reply)
	}
	if err == nil && reply["type"] != "auth_success" {
		t.Errorf("%s answers %v", path, reply)
	}
	return conn, res, err
}

// Of a client's token the upstream server hears nothing, by no way that it is shown;
// all else passes, both ways.
func TestStreamsPassWithoutTheToken(t *testing.T) {
	const theirs = "user:secret"
	server := newPrefectServer(t, theirs, "prefect")
	w := newGuarded(t, server.url)
	node := httptest.NewServer(w.api)
	defer node.Close()
	defer w.api.Close()
	long := bytes.Repeat([]byte("x"), 3<<20)
	for _, x := range []struct{ path, header, token string }{
		{"/events/in", "", "acquire"},
		{"/events/in", bearer("acquire"), "acquire"},
		{"/events/out", basic("acquire"), "anybody:acquire"},
		{"/logs/out", "", "anybody:acquire"},
		{"/events/in", basic("acquire"), ""},
	} {
		conn, _, err := open(t, node.URL, x.path, x.header, x.token)
		if err != nil {
			t.Fatalf("%+v: %v", x, err)
		}
		if got, want := <-server.seen, "/api"+x.path+" Basic dXNlcjpzZWNyZXQ= 127.0.0.1"; got != want {
			t.Errorf("%+v: the server saw %q, want %q", x, got, want)
		}
		if got, want := <-server.seen, `{"type":"auth","token":"user:secret"}`; got != want {
			t.Errorf("%+v: the server was told %s, want %s", x, got, want)
		}
		conn.SetReadLimit(-1)
		for _, text := range []string{`{"event":"x"}`, "", string(long)} {
			say(t, conn, text)
			if kind, back, err := conn.Read(t.Context()); err != nil || string(back) != text || kind != websocket.MessageText {
				t.Errorf("%+v: %d bytes came back for %d, %v", x, len(back), len(text), err)
			}
		}
		say(t, conn, "end")
		if code := ended(t, conn); code != 4001 {
			t.Errorf("%+v: ends with %v", x, code)
		}
	}
}

// A server of before the introductions gets events alone, and one without users is
// shown none.
func TestStreamsToOtherServers(t *testing.T) {
	for want, protocols := range map[string][]string{"": nil, `{"type":"auth","token":null}`: {"prefect"}} {
		server := newPrefectServer(t, "", protocols...)
		w := newGuarded(t, server.url)
		node := httptest.NewServer(w.api)
		conn, _, err := open(t, node.URL, "/events/in", "", "acquire")
		if err != nil {
			t.Fatal(err)
		}
		if got := <-server.seen; got != "/api/events/in  127.0.0.1" {
			t.Errorf("the server saw %q", got)
		}
		if want != "" {
			if got := <-server.seen; got != want {
				t.Errorf("the server was told %s, want %s", got, want)
			}
		}
		say(t, conn, "hello")
		if _, back, err := conn.Read(t.Context()); err != nil || string(back) != "hello" {
			t.Errorf("%s, %v", back, err)
		}
		end := make(chan websocket.StatusCode, 1)
		go func() { end <- ended(t, conn) }()
		w.api.Close()
		if code := <-end; code != websocket.StatusGoingAway {
			t.Errorf("the stream ends with %v", code)
		}
		node.Close()
	}
}

// A pong says that the upstream server has heard all before the ping.
func TestPingsAskTheServer(t *testing.T) {
	server := newPrefectServer(t, "", "prefect")
	w := newGuarded(t, server.url)
	node := httptest.NewServer(w.api)
	defer node.Close()
	defer w.api.Close()
	conn, _, err := open(t, node.URL, "/events/in", "", "acquire")
	if err != nil {
		t.Fatal(err)
	}
	say(t, conn, "hello")
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	reading := conn.CloseRead(t.Context())
	if err := conn.Ping(t.Context()); err != nil || reading.Err() != nil {
		t.Errorf("%v, %v", err, reading.Err())
	}
}

// Who is not known gets nowhere, and makes nobody ask the upstream server.
func TestStreamsOfStrangers(t *testing.T) {
	server := newPrefectServer(t, "", "prefect")
	w := newGuarded(t, server.url)
	node := httptest.NewServer(w.api)
	defer node.Close()
	defer w.api.Close()
	for _, token := range []string{"x", "read", "anybody:read"} {
		conn, _, err := open(t, node.URL, "/events/out", "", token)
		if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%q: %v", token, err)
		}
		_ = conn.CloseNow()
	}
	for _, header := range []string{"", bearer("read"), basic("x")} {
		if _, res, err := open(t, node.URL, "/events/out", header, ""); err == nil || res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q: %v, %v", header, res, err)
		}
	}
	if len(server.seen) > 0 {
		t.Errorf("the server saw %q", <-server.seen)
	}
}

// A server that is down, or wants another user, is told before a stream opens, or
// ends it.
func TestStreamsToNobody(t *testing.T) {
	server := newPrefectServer(t, "user:secret", "prefect")
	server.url.User = nil
	w := newGuarded(t, server.url)
	node := httptest.NewServer(w.api)
	defer node.Close()
	defer w.api.Close()
	if _, res, err := open(t, node.URL, "/events/in", bearer("acquire"), ""); err == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v, %v", res, err)
	}
	conn, _, err := open(t, node.URL, "/events/in", "", "acquire")
	if websocket.CloseStatus(err) != websocket.StatusTryAgainLater {
		t.Errorf("%v", err)
	}
	_ = conn.CloseNow()
}
