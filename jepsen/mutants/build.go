package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/limitd/limitd/jepsen/mutants/planted"
	"github.com/limitd/limitd/jepsen/sim/det"
)

// binaries are the instruments, built once with all bugs in them.
type binaries struct {
	dir   string
	sim   string // the simulator
	exact bool   // a second run of a seed by it is exactly the same
	bin   string // limitd
}

// build builds both from the patched sources.
func build(ctx context.Context, root, dir string) (binaries, error) {
	b := binaries{dir: dir, sim: filepath.Join(dir, "sim.test"), bin: filepath.Join(dir, "limitd")}
	files, err := patch(root, bugs())
	if err != nil {
		return b, err
	}
	replace, err := writeFiles(root, dir, files)
	if err != nil {
		return b, err
	}
	overlay, err := writeOverlay(dir, replace)
	if err != nil {
		return b, err
	}
	if b.exact, err = det.BuildOver(ctx, b.sim, replace); err != nil {
		return b, err
	}
	return b, goTool(ctx, root, "build", "-tags", "hashicorpmetrics", "-overlay", overlay, "-o", b.bin, "./cmd/limitd")
}

func goTool(ctx context.Context, root string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// environment is that of a process in which the bug acts; "": none does.
func environment(bug string) []string {
	return append(os.Environ(), planted.Variable+"="+bug)
}
