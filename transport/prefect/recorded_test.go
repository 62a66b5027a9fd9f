package prefect_test

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/prefect"
)

// exchange is a request, and what a real Prefect server answered
// (testdata/record.py).
type exchange struct {
	Method     string            `json:"method"`
	Path       string            `json:"path"`
	Body       *string           `json:"body"`
	Bytes      []byte            `json:"bytes"` // in place of Body
	Headers    map[string]string `json:"headers"`
	Status     int               `json:"status"`
	Answer     any               `json:"answer"`
	RetryAfter bool              `json:"retry_after"`
}

// TestAsPrefectAnswers sends limitd what a real server was sent: the answers are
// the same, apart from ids, times and what explains returns a reason for.
// clients.json is what `prefect global-concurrency-limit` and `prefect transfer`
// asked, and the client of the Terraform provider.
func TestAsPrefectAnswers(t *testing.T) {
	for _, file := range []string{"recorded.json", "clients.json", "odd.json"} {
		t.Run(file, func(t *testing.T) { answersAlike(t, file) })
	}
}

func answersAlike(t *testing.T, file string) {
	w := newWorldOf(t, prefect.Config{})
	known := map[string]string{}
	for i, e := range recorded(t, file) {
		body := string(e.Bytes)
		if e.Body != nil {
			body = fill(*e.Body, known)
		}
		var headers []string
		for name, value := range e.Headers {
			headers = append(headers, name+": "+value)
		}
		got := w.do(e.Method, fill(e.Path, known), body, headers...)
		learn(t, got.body, known)
		if why := explains(e); why != "" {
			t.Logf("line %d differs: %s", i+1, why)
			continue
		}
		if got.status != e.Status || (got.header.Get("Retry-After") != "") != e.RetryAfter {
			t.Errorf("line %d: %s %s %s: status %d, want %d", i+1, e.Method, e.Path, body, got.status, e.Status)
		}
		if d := cmp.Diff(e.Answer, normal(t, got.body)); d != "" {
			t.Errorf("line %d: %s %s %s: Prefect (-) and limitd (+) answer\n%s", i+1, e.Method, e.Path, body, d)
		}
	}
}

func recorded(t *testing.T, name string) (list []exchange) {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func fill(text string, known map[string]string) string {
	for name, value := range known {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

func learn(t *testing.T, body string, known map[string]string) {
	var named struct {
		LeaseID string `json:"lease_id"`
		ID      string `json:"id"`
		Limit   *int   `json:"limit"`
	}
	if !strings.HasPrefix(body, "{") {
		return
	}
	if err := json.Unmarshal([]byte(body), &named); err != nil {
		t.Fatal(err)
	}
	switch {
	case named.LeaseID != "":
		known["lease"] = named.LeaseID
	case named.Limit != nil:
		known["id"] = named.ID
	}
}

// normal reads a body as the recorded ones are written.
func normal(t *testing.T, body string) (v any) {
	t.Helper()
	if body == "" {
		return nil
	}
	body = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`).ReplaceAllString(body, "<time>")
	body = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).ReplaceAllString(body, "<uuid>")
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Errorf("an answer is no JSON: %s", body)
	}
	return v
}

// explains tells why limitd answers an exchange otherwise, on purpose.
func explains(e exchange) string {
	switch {
	case e.Path == "/admin/version":
		return "the version is the client's"
	}
	return ""
}
