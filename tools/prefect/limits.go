package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shape is what a limit is set to.
type shape struct {
	Slots  int     `json:"slots"`
	Active bool    `json:"active"`
	Decay  float64 `json:"slot_decay_per_second"`
}

func (s *session) shape(ctx context.Context, name string) (l shape, err error) {
	err = ask(ctx, http.MethodGet, s.url+"/v1/limits/"+name, "", &l)
	return l, err
}

// must is an error unless a limit is set so.
func (s *session) must(ctx context.Context, name string, want shape) error {
	l, err := s.shape(ctx, name)
	if err == nil && l != want {
		err = fmt.Errorf("the limit %s is %+v, want %+v", name, l, want)
	}
	return err
}

// isMissing tells whether a command failed because this version has none.
func isMissing(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "No such command") || strings.Contains(err.Error(), "Unknown command"))
}

// gcl runs the command line's commands for limits, where there are any.
func gcl(ctx context.Context, s *session) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	command, err := s.shell(ctx, s.url+"/api")
	if err != nil {
		return "", err
	}
	defer command.close()
	made := shape{3, true, 0.5}
	more, off := shape{4, true, 0.5}, shape{4, false, 0.5}
	for _, step := range []struct {
		args string
		want shape
		says string
	}{
		{"create farm --limit 3 --slot-decay-per-second 0.5", made, "farm"},
		{"ls", made, "farm"},
		{"inspect farm", made, "limit=3"},
		{"update farm --limit 4", more, "farm"},
		{"disable farm", off, "farm"},
		{"enable farm", more, "farm"},
		{"delete farm", shape{}, "farm"},
	} {
		out, err := command.run("global-concurrency-limit " + step.args)
		if isMissing(err) {
			return "has none", nil
		}
		if err == nil && !strings.Contains(out, step.says) {
			err = fmt.Errorf("%s tells %s", step.args, out)
		}
		if err == nil && step.want != (shape{}) {
			err = s.must(ctx, "farm", step.want)
		}
		if err != nil {
			return "", err
		}
	}
	if _, err := s.shape(ctx, "farm"); err == nil {
		return "", fmt.Errorf("the limit is still there after its deletion")
	}
	return "yes", nil
}

// moved are limits of the real server, to be brought to the nodes.
func moved() map[string]shape {
	return map[string]shape{"moved": {7, true, 0}, "paced": {10, true, 0.25}, "closed": {2, false, 0}}
}

// fill makes the limits that are to be moved.
func (s *session) fill(ctx context.Context) error {
	for name, l := range moved() {
		body := fmt.Sprintf(`{"name":%q,"limit":%d,"active":%t,"slot_decay_per_second":%g}`, name, l.Slots, l.Active, l.Decay)
		if err := call(ctx, http.MethodPost, s.server+"/v2/concurrency_limits/", body, nil); err != nil {
			return err
		}
	}
	return nil
}

const profiles = `[profiles.server]
PREFECT_API_URL = %q

[profiles.nodes]
PREFECT_API_URL = %q
`

// transfer moves the real server's limits by Prefect's own means, twice. It
// leaves their decay behind.
func transfer(ctx context.Context, s *session) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	if err := s.fill(ctx); err != nil {
		return "", err
	}
	home := filepath.Join(s.dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", err
	}
	text := fmt.Sprintf(profiles, s.server, s.url+"/api")
	if err := os.WriteFile(filepath.Join(home, "profiles.toml"), []byte(text), 0o644); err != nil {
		return "", err
	}
	command, err := s.shell(ctx, "")
	if err != nil {
		return "", err
	}
	defer command.close()
	for range 2 {
		out, err := command.run("transfer --from server --to nodes")
		if isMissing(err) {
			return "has none", nil
		}
		if err != nil {
			return "", err
		}
		for name, l := range moved() {
			l.Decay = 0
			if err := s.must(ctx, name, l); err != nil {
				return "", fmt.Errorf("%w\n%s", err, out)
			}
		}
	}
	return "yes", nil
}

// imports copies the real server's limits by limitd, twice: the second time there
// is nothing to do.
func imports(ctx context.Context, s *session) (string, error) {
	for _, again := range []bool{false, true} {
		out, err := exec.CommandContext(ctx, s.bin, "import", "prefect", "--from", s.server, "--address", s.url, "-o", "json").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("limitd import prefect: %w\n%s", err, out)
		}
		var list []struct{ Name, Outcome string }
		if err := json.Unmarshal(out, &list); err != nil || len(list) < len(moved()) {
			return "", fmt.Errorf("limitd import prefect tells %s", out)
		}
		for _, l := range list {
			if again && l.Outcome != "unchanged" && l.Outcome != "left out" {
				return "", fmt.Errorf("the second time %s is %s", l.Name, l.Outcome)
			}
		}
		for name, l := range moved() {
			if err := s.must(ctx, name, l); err != nil {
				return "", err
			}
		}
	}
	return "yes", nil
}
