package floor_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/limitd/limitd/tools/bench/prefect/floor"
)

const limits = "/api/v2/concurrency_limits/"

// site is a floor server, and what its tests ask.
type site struct {
	*testing.T
	url string
}

func start(t *testing.T) site {
	server := httptest.NewServer(floor.New())
	t.Cleanup(server.Close)
	return site{t, server.URL}
}

func (s site) call(method, path, body string, want int) map[string]any {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if res.StatusCode != want || err != nil {
		s.Fatalf("%s %s: %s %s, %v", method, path, res.Status, text, err)
	}
	var answer map[string]any
	_ = json.Unmarshal(text, &answer) // some have no body
	return answer
}

func (s site) enter() (lease string) {
	s.Helper()
	lease, _ = s.call(http.MethodPost, limits+"increment-with-lease", `{"names": ["db"], "slots": 1}`, http.StatusOK)["lease_id"].(string)
	return lease
}

func (s site) leave(lease string) {
	s.Helper()
	s.call(http.MethodPost, limits+"decrement-with-lease", `{"lease_id": "`+lease+`"}`, http.StatusNoContent)
}

func (s site) occupied(want float64) {
	s.Helper()
	if got := s.call(http.MethodGet, limits+"db", "", http.StatusOK)["active_slots"]; got != want {
		s.Errorf("%v occupied, want %v", got, want)
	}
}

func TestSlots(t *testing.T) {
	s := start(t)
	s.call(http.MethodPost, limits, `{"name": "db", "limit": 1, "active": false}`, http.StatusCreated)
	before := s.enter()
	s.occupied(0) // it was not active
	s.call(http.MethodPatch, limits+"db", `{"active": true}`, http.StatusNoContent)
	s.leave(before)
	first := s.enter()
	s.occupied(1)
	s.call(http.MethodPost, limits+"leases/"+first+"/renew", "", http.StatusNoContent)
	next := make(chan string)
	go func() { next <- s.enter() }()
	s.leave(first)
	second := <-next
	s.leave(first) // a lease is given back once
	s.occupied(1)
	s.leave(second)
	s.occupied(0)
}

func TestErrors(t *testing.T) {
	s := start(t)
	s.call(http.MethodGet, limits+"db", "", http.StatusNotFound)
	s.call(http.MethodPatch, limits+"db", "{}", http.StatusNotFound)
	s.call(http.MethodPost, limits+"increment-with-lease", `{"names": ["db"]}`, http.StatusNotFound)
	s.call(http.MethodPost, limits+"increment-with-lease", `{}`, http.StatusNotFound)
	s.call(http.MethodPost, limits, "{", http.StatusUnprocessableEntity)
	s.call(http.MethodGet, "/api/csrf-token", "", http.StatusUnprocessableEntity)
}

func TestEvents(t *testing.T) {
	s := start(t)
	conn, _, err := websocket.Dial(t.Context(), s.url+"/api/events/in", &websocket.DialOptions{Subprotocols: []string{"prefect"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type": "auth"}`)); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.Read(t.Context()); !strings.Contains(string(text), "auth_success") || err != nil {
		t.Errorf("%s, %v", text, err)
	}
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{}`)); err != nil {
		t.Error(err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}
