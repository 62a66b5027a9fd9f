// Package det builds the simulator's test binary on a runtime that can be
// seeded, so that a second run of a seed is the same as the first.
//
//	exact, err := det.Build(ctx, "bin/simtest")
//
// A testing/synctest bubble has a clock of its own, and runs one goroutine at a
// time where GOMAXPROCS is 1. What is left to chance is the runtime's own: which
// ready case a select takes, where a map's iteration begins, which of two timers
// of one instant comes first, what math/rand draws, and when the scheduler
// interrupts a goroutine, or takes it for starving; and where the heap has put
// the keys of a map. Build replaces seven files of the standard library by way of
// go build -overlay, so that goroutines of a bubble draw all that from one stream,
// are not interrupted, and ask no map of theirs in which order it has pointers.
//
// The replacements are made for one version of Go, and each is checked to fit.
// On another version Build builds a plain binary, and says so: the same checks
// run, but a second run of a seed may differ. No binary that is shipped is ever
// built so.
package det

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// knownVersion is the minor version of Go whose runtime the edits fit.
const knownVersion = "go1.26"

// Settings are the environment variables with which a binary has to run. The
// garbage collector stops goroutines at moments of its own, so it is off: a run
// allocates a few hundred megabytes.
func Settings() []string {
	return []string{"GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1,memprofilerate=0", "GOGC=off", "GOTRACEBACK=all"}
}

// pkg is what is built.
const pkg = "github.com/limitd/limitd/jepsen/sim"

// Build writes the test binary of jepsen/sim to out. It returns whether a
// second run of a seed by it is exactly the same. It has to be called in a
// folder of the module, with go in the path.
func Build(ctx context.Context, out string) (exact bool, err error) {
	return BuildOver(ctx, out, nil)
}

// BuildOver is Build with other files in the place of some: replace tells them
// by their paths, as go build -overlay does.
func BuildOver(ctx context.Context, out string, replace map[string]string) (exact bool, err error) {
	root, version, err := toolchain(ctx)
	if err != nil {
		return false, err
	}
	folder, err := os.MkdirTemp("", "limitd-overlay-*")
	if err != nil {
		return false, fmt.Errorf("make a folder for the overlay: %w", err)
	}
	defer os.RemoveAll(folder)
	replace = maps.Clone(replace)
	args := []string{"test", "-c", "-o", out}
	if exact = fits(version); exact {
		if replace, err = seeded(root, folder, replace); err != nil {
			return false, err
		}
		args = append(args, "-tags", "simdet")
	}
	overlay, err := write(folder, replace)
	if err != nil {
		return false, err
	}
	args = append(args, "-overlay", overlay)
	build := exec.CommandContext(ctx, "go", append(args, pkg)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=norandomizedheapbase64")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return false, fmt.Errorf("build the simulator: %w", err)
	}
	return exact, nil
}

func fits(version string) bool {
	return version == knownVersion || strings.HasPrefix(version, knownVersion+".")
}

// toolchain asks go where it is, and which one.
func toolchain(ctx context.Context) (root, version string, err error) {
	text, err := exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return "", "", fmt.Errorf("ask go for its version: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		return "", "", fmt.Errorf("go env answers %q", text)
	}
	return lines[0], lines[1], nil
}

var errNoFit = errors.New("det: an edit of the runtime does not fit this version of Go")

// seeded writes the changed files of the runtime into folder, and adds them to
// what is replaced.
func seeded(root, folder string, replace map[string]string) (map[string]string, error) {
	if replace == nil {
		replace = make(map[string]string)
	}
	for _, f := range files() {
		from := filepath.Join(root, "src", filepath.FromSlash(f.name))
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, fmt.Errorf("read the runtime: %w", err)
		}
		changed, err := f.change(string(text))
		if err != nil {
			return nil, err
		}
		to := filepath.Join(folder, strings.ReplaceAll(f.name, "/", "_"))
		if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
			return nil, fmt.Errorf("write the overlay: %w", err)
		}
		replace[from] = to
	}
	return replace, nil
}

// write writes an overlay into folder, and returns its path.
func write(folder string, replace map[string]string) (string, error) {
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, overlay, 0o600)
}
