package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// stage is what a scene plays on.
type stage struct {
	cluster *nodes.Cluster
	scale   float64 // of durations and counts; 1 is the full length
	dir     string
	builds
	env []string // of the commands that the scene gives
	// credentials of the calls, where the scene has made any
	credentials *credentials
	volume      *volume // a disk that one node has for itself, where the scene could have one
}

// builds are the binaries that play.
type builds struct {
	binary string // the one that is shown
	next   string // of the version to come
	before string // of a version before
}

// complete makes the paths absolute.
func (b builds) complete() (builds, error) {
	for _, path := range []*string{&b.binary, &b.next, &b.before} {
		if *path == "" {
			continue
		}
		full, err := filepath.Abs(*path)
		if err != nil {
			return b, fmt.Errorf("find the binary: %w", err)
		}
		*path = full
	}
	return b, nil
}

// last scales a duration.
func (s *stage) last(d time.Duration) time.Duration { return time.Duration(float64(d) * s.scale) }

// times scales a count, at least 1.
func (s *stage) times(n int) int { return max(1, int(float64(n)*s.scale)) }

// whole tells whether the scene is played at full length. Figures that a busy
// machine spoils are judged only then.
func (s *stage) whole() bool { return s.scale >= 1 }

// command gives a command as an operator would, and returns what it said.
func (s *stage) command(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("limitd %v: %w: %s", args, err, out)
	}
	return string(out), err
}

// commandTime is the most that a command may take.
const commandTime = time.Minute

// show gives a command and prints what it said.
func (s *stage) show(ctx context.Context, args ...string) error {
	out, err := s.command(ctx, args...)
	if err == nil {
		quote(out)
	}
	return err
}
