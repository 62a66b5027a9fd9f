package lean_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/limitd/limitd/tools/bench/lean"
)

func TestPost(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json":
			w.WriteHeader(http.StatusBadRequest)
		case r.URL.Path == "/nothing":
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/chunked":
			w.(http.Flusher).Flush()
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write(append([]byte(r.URL.Path+" "), body...))
		}
	}))
	defer server.Close()
	c, err := lean.Dial(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, body := range []string{"{}", "", strings.Repeat("long ", 100)} {
		status, answer, err := c.Post("/there", []byte(body))
		if status != http.StatusAccepted || string(answer) != "/there "+body || err != nil {
			t.Errorf("%d %q %v", status, answer, err)
		}
	}
	if status, answer, err := c.Post("/nothing", nil); status != http.StatusNoContent || len(answer) > 0 || err != nil {
		t.Errorf("nothing: %d %q %v", status, answer, err)
	}
	if _, _, err := c.Post("/chunked", nil); !errors.Is(err, lean.ErrAnswer) {
		t.Errorf("an answer without a length: %v", err)
	}
}
