package prefect_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/auth"
	"github.com/limitd/limitd/transport/prefect"
)

// stall begins a request whose body does not come, and returns the status that it
// gets and the answer, behind which the connection has to close.
func stall(t *testing.T, w *world, request string, headers ...string) (int, string) {
	t.Helper()
	server := httptest.NewServer(w.api)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only read
	text := request + " HTTP/1.1\r\nHost: n1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n{", text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // as good as never
	answers := bufio.NewReader(conn)
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Errorf("%s whose body stalls: %v", request, err)
		return 0, ""
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	if !answer.Close {
		t.Errorf("%s whose body stalls: the connection is kept", request)
	}
	return answer.StatusCode, string(body)
}

// A body that stops coming is answered when its time is over, also where nobody
// wants it: net/http reads on before it sends the answer.
func TestABodyThatStalls(t *testing.T) {
	increment := "POST " + prefect.Base + limitsPath + "/increment"
	for _, tt := range []struct {
		request string
		status  int
		says    string
		headers []string
	}{
		{increment, http.StatusBadRequest, "did not come within 50ms", []string{bearer("acquire")}},
		{increment, http.StatusUnauthorized, "", nil},
		{increment, http.StatusForbidden, "", []string{bearer("read")}},
		{"POST " + prefect.Base + "/nowhere", http.StatusNotFound, "", nil},
		{"PUT " + prefect.Base + limitsPath + "/increment", http.StatusMethodNotAllowed, "", nil},
	} {
		if got, body := stall(t, newImpatient(t, nil), tt.request, tt.headers...); got != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%s %v whose body stalls: %d %s, want %d", tt.request, tt.headers, got, body, tt.status)
		}
	}
}

// A body that is passed on has its time, too. What is answered is the upstream
// server's to say, or that it does not answer.
func TestABodyThatStallsOnItsWay(t *testing.T) {
	_, real := newUpstream(t)
	target, err := url.Parse(real.URL + "/prefect/api")
	if err != nil {
		t.Fatal(err)
	}
	stall(t, newImpatient(t, target), "POST "+prefect.Base+"/flow_runs/", bearer("acquire"))
}

// newImpatient is newGuarded with little time for bodies.
func newImpatient(t *testing.T, upstream *url.URL) *world {
	t.Helper()
	var w *world
	w = newWorldOf(t, prefect.Config{
		Upstream: upstream, BodyTimeout: 50 * time.Millisecond, Guard: auth.New(auth.Config{Source: source{&w}}),
	})
	t.Cleanup(w.api.Close)
	for _, name := range []string{"read", "acquire"} {
		w.apply(&command.CreateACLToken{Name: name, Policies: []string{name}, Hash: auth.Hash(name)})
	}
	return w
}

// stream is a client's stream of HTTP/2.
type stream struct {
	*httptest.ResponseRecorder
	deadlines []time.Time // for writes, as they were set
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

// An answer over HTTP/2 has its time to be taken. What is passed on piece by piece
// has that for each, and none in between.
func TestAStreamHasItsTime(t *testing.T) {
	w, _ := newUpstream(t)
	for path, quiet := range map[string]bool{"/health": false, "/flows/1": true} {
		r := httptest.NewRequest(http.MethodGet, prefect.Base+path, nil)
		r.ProtoMajor = 2
		s := &stream{ResponseRecorder: httptest.NewRecorder()}
		w.api.ServeHTTP(s, r)
		if s.Code != http.StatusOK || len(s.deadlines) == 0 || s.deadlines[0].IsZero() {
			t.Errorf("%s: %d, deadlines %v", path, s.Code, s.deadlines)
		} else if last := s.deadlines[len(s.deadlines)-1]; last.IsZero() != quiet {
			t.Errorf("%s: the last deadline is %v", path, last)
		}
	}
}
