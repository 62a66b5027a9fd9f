// Package venv makes Python environments, each with one version of Prefect, and
// runs programs in them.
//
//	python, err := venv.Make(ctx, venv.Cache(), "3.9.1")
//	cmd := python.Command(ctx, "http://127.0.0.1:7480/api", home, "program.py")
package venv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrCannot says that an environment cannot be made: for want of Python with its
// module venv, or of the package registry, or because a package is not to be had.
var ErrCannot = errors.New("no environment can be made")

// makeTime is how long the making of one may take; registries hang at times.
const makeTime = 5 * time.Minute

// Release is a version of Prefect, and a day on which it was the newest. What it
// needs is installed as it was then: packages of a later day break old versions.
type Release struct{ Version, Day string }

// Releases are the versions of the table in docs/prefect.md, oldest first: those
// whose requests differ, and the newest.
func Releases() []Release {
	return []Release{
		{"2.20.25", "2025-12-10"},
		{"3.0.0", "2024-09-05"},
		{"3.0.11", "2024-10-27"},
		{"3.2.15", "2025-03-31"},
		{"3.4.9", "2025-07-20"},
		{"3.4.10", "2025-07-25"},
		{"3.6.29", "2026-05-04"},
		{"3.8.8", "2026-10-09"},
		{"3.9.1", "2026-11-02"},
	}
}

// ReleaseOf returns the release of a version; one that is not in the list gets the
// newest of all that it needs.
func ReleaseOf(version string) Release {
	for _, r := range Releases() {
		if r.Version == version {
			return r
		}
	}
	return Release{Version: version}
}

// Python is a Python environment with one version of Prefect.
type Python struct {
	Version string
	dir     string
}

func (p Python) program(name string) string { return filepath.Join(p.dir, "bin", name) }

// Cache returns the folder where environments are kept, unless told otherwise.
func Cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "limitd", "prefect")
}

// Make returns the environment of a version, and makes it where it is missing:
// under another name first, so that a half-made one is never used. The error is
// ErrCannot, unless ctx has ended.
func Make(ctx context.Context, cache, version string) (Python, error) {
	limited, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	python, err := (&installer{cache: cache}).environment(limited, version)
	switch {
	case err == nil:
		return python, nil
	case ctx.Err() != nil:
		return python, ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("it takes longer than %v: %w", makeTime, err)
	}
	return python, fmt.Errorf("%w: %w", ErrCannot, err)
}

// installer makes environments, and keeps them in a folder.
type installer struct {
	cache string
	uv    string // once it was needed
}

// environment is Make.
func (in *installer) environment(ctx context.Context, version string) (Python, error) {
	r := ReleaseOf(version)
	p := Python{version, filepath.Join(in.cache, strings.TrimSuffix(r.Version+"-"+r.Day, "-"))}
	if _, err := os.Stat(p.program("python")); err == nil { // the machine's, by a link
		return p, nil
	}
	fmt.Printf("Installing Prefect %s into %s ...\n", version, p.dir)
	if err := os.MkdirAll(in.cache, 0o755); err != nil {
		return p, err
	}
	if err := in.needUV(ctx); err != nil {
		return p, err
	}
	made := Python{version, p.dir + ".new"}
	if err := in.run(ctx, "venv", "--clear", "--python", "python3", made.dir); err != nil {
		return p, err
	}
	args := []string{"pip", "install", "--python", made.program("python"), "prefect==" + r.Version}
	if r.Day != "" {
		args = append(args, "--exclude-newer", r.Day)
	}
	if err := in.run(ctx, args...); err != nil {
		return p, err
	}
	if err := os.RemoveAll(p.dir); err != nil { // of a Python that is gone
		return p, err
	}
	return p, os.Rename(made.dir, p.dir)
}

// run runs uv, which never gets a Python of its own.
func (in *installer) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, in.uv, append(args, "--quiet")...)
	cmd.Env = append(os.Environ(), "UV_PYTHON_DOWNLOADS=never")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("uv %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// needUV finds uv, or installs it from the package registry.
func (in *installer) needUV(ctx context.Context) (err error) {
	if in.uv != "" {
		return nil
	}
	if in.uv, err = exec.LookPath("uv"); err == nil {
		return nil
	}
	own := filepath.Join(in.cache, "uv")
	in.uv = filepath.Join(own, "bin", "uv")
	if _, err := os.Stat(in.uv); err == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "python3", "-m", "venv", "--clear", own).CombinedOutput(); err != nil {
		return fmt.Errorf("make a Python environment, which takes python3 and python3-venv: %w\n%s", err, out)
	}
	install := []string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"}
	if out, err := exec.CommandContext(ctx, filepath.Join(own, "bin", "python"), install...).CombinedOutput(); err != nil {
		return fmt.Errorf("install uv from the package registry: %w\n%s", err, out)
	}
	return nil
}

// CommandLine is what the script "prefect" of an environment runs.
const CommandLine = "from prefect.cli import app; app()"

// Command returns a program of the environment, to be run against a server; "":
// against the one that its home names. Its own scripts name the folder that they
// were installed into, so that all is run as modules of its Python.
func (p Python) Command(ctx context.Context, url, home string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.program("python"), args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PREFECT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PREFECT_HOME="+home, "PREFECT_LOGGING_COLORS=false", "PREFECT_SERVER_ANALYTICS_ENABLED=false",
		"DO_NOT_TRACK=1", "NO_COLOR=1", "COLUMNS=200", "PYTHONWARNINGS=ignore")
	if url != "" {
		cmd.Env = append(cmd.Env, "PREFECT_API_URL="+url)
	}
	return cmd
}
