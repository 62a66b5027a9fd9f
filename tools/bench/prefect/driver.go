package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/tools/prefect/venv"
)

// program is the Python side of driver.
//
//go:embed driver.py
var program []byte

// driver runs callers with Prefect's client: see driver.py.
type driver struct {
	cmd *exec.Cmd
	to  io.WriteCloser
	in  *json.Decoder
	log string
}

// arguments are those of a program of driver.py.
type arguments map[string]any

// report is what became of a run.
type report struct {
	Begin  float64 // s
	Said   []said
	Failed []string // what went wrong, one for each time
	Wrong  string   // why there was no run
}

// said is what a caller had to say.
type said struct {
	caller int
	value  float64
}

// UnmarshalJSON reads a pair.
func (s *said) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&s.caller, &s.value})
}

// startDriver starts a driver whose callers use one API.
func startDriver(python venv.Python, api, dir string) (*driver, error) {
	path := filepath.Join(dir, "driver.py")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, program, 0o600)); err != nil {
		return nil, err
	}
	d := &driver{cmd: python.Command(context.Background(), api, filepath.Join(dir, "home"), path), log: filepath.Join(dir, "callers.log")}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd.Stderr = log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if d.to, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	d.in = json.NewDecoder(out)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the callers: %w", err)
	}
	return d, nil
}

// close ends the driver and all callers.
func (d *driver) close() {
	_ = d.to.Close() // it is killed in any case
	killGroup(d.cmd)
}

// order has the driver do something, and returns its answer. A run that is
// cancelled ends the driver.
func (d *driver) order(ctx context.Context, order map[string]any) (r report, err error) {
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	if err := json.NewEncoder(d.to).Encode(order); err != nil {
		return r, fmt.Errorf("the callers have ended, see %s: %w", d.log, err)
	}
	if err := d.in.Decode(&r); err != nil {
		return r, errors.Join(context.Cause(ctx), fmt.Errorf("the callers have ended, see %s: %w", d.log, err))
	}
	if r.Wrong != "" {
		return r, fmt.Errorf("the callers do not get ready: %s", r.Wrong)
	}
	return r, nil
}

// start starts processes that run a program, and waits until they are ready.
func (d *driver) start(ctx context.Context, program string, processes int, args arguments) error {
	_, err := d.order(ctx, map[string]any{"do": "start", "program": program, "processes": processes, "arguments": args})
	return err
}

// run lets the processes begin, and waits for their ends; they are killed after
// the time bound, unless it is 0.
func (d *driver) run(ctx context.Context, bound time.Duration) (report, error) {
	return d.order(ctx, map[string]any{"do": "go", "seconds": bound.Seconds()})
}

// kill ends the processes by SIGKILL.
func (d *driver) kill(ctx context.Context) error {
	_, err := d.order(ctx, map[string]any{"do": "kill"})
	return err
}

// sum adds up what all callers said.
func (r report) sum() (total float64) {
	for _, s := range r.Said {
		total += s.value
	}
	return total
}

// last returns the latest time that was said, from the beginning.
func (r report) last() time.Duration {
	latest := r.Begin
	for _, s := range r.Said {
		latest = max(latest, s.value)
	}
	return seconds(latest - r.Begin)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// failures tells what went wrong, shortly; "" where nothing did.
func (r report) failures() string {
	if len(r.Failed) == 0 {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(r.Failed[0]), "\n")
	return fmt.Sprintf("%d times something failed, first: %s", len(r.Failed), line)
}
