package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/limitd/limitd/transport/wire"
)

// A limit that limitd does not take is named, and the others are copied.
func TestImportGoesOn(t *testing.T) {
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[{"name":"..","limit":1},{"name":"db","limit":2,"slot_decay_per_second":0.0},{"name":%q,"limit":1},
			{"name":"huge","limit":1152921504606846976},{"name":"mine","limit":1},{"name":"slow","limit":1,"slot_decay_per_second":1e-12},
			{"name":"web","limit":3}]`, strings.Repeat("x", 300))
	}))
	defer theirs.Close()
	var made []string
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Name string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		switch {
		case r.Method == http.MethodGet:
			answerProblem(w, http.StatusNotFound, wire.NewProblem(wire.CodeLimitNotFound, "there is none"))
		case body.Name == "mine":
			answerProblem(w, http.StatusForbidden, wire.NewProblem(wire.CodePermissionDenied, "the token lacks the verb manage"))
		default:
			made = append(made, body.Name)
			fmt.Fprint(w, "{}")
		}
	}))
	defer ours.Close()
	for _, dry := range []bool{true, false} {
		var out, errors bytes.Buffer
		args := []string{"import", "prefect", "--from", theirs.URL, "--address", ours.URL, fmt.Sprintf("--dry-run=%v", dry)}
		code := run(args, world{stdout: &out, stderr: &errors, lookup: func(string) (string, bool) { return "", false }})
		if code != exitError {
			t.Errorf("exit code %d", code)
		}
		for _, want := range []string{`".." is not copied`, `xxx" is not copied`, `"huge" is not copied: it has 1152921504606846976 slots`, `"slow" is not copied: slot_decay_per_second is 1e-12`} {
			if !strings.Contains(errors.String(), want) {
				t.Errorf("dry %v: %q is not said in\n%s", dry, want, &errors)
			}
		}
		refused := strings.Contains(errors.String(), `"mine" is not copied: the token lacks the verb manage`)
		count := strings.Contains(errors.String(), "limitd does not take 5 of the 7 limits")
		if refused == dry || count == dry || !strings.Contains(out.String(), "web") {
			t.Errorf("dry %v:\n%s%s", dry, &errors, &out)
		}
	}
	if got := strings.Join(made, " "); got != "db web" {
		t.Errorf("made were %s", got)
	}
}

func answerProblem(w http.ResponseWriter, status int, p *wire.Problem) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p)
}
