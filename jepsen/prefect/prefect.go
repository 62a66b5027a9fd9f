//go:build linux

// Package prefect has programs under Prefect's own client, in Python and
// unchanged, call a cluster, and notes in the run's history what they tell.
//
//	python, err := prefect.Newest(prefect.Cache())
//	p := prefect.Programs{Python: python, Dir: dir, Start: start}
//	w := workload.WithPrefect(p.Run)
//
// Each program is a process, told one node, and does one thing turn after turn
// (program.py): it holds a slot for a moment, or takes a token. What it prints
// becomes calls of the kind history.Prefect, and beliefs; its clock is the
// machine's monotonic one, as the run's is.
package prefect

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/workload"
	"golang.org/x/sys/unix"
)

// Programs says how programs are run.
type Programs struct {
	Python string // the folder of a Python environment that has Prefect's client
	Dir    string // for what they leave; it is made
	// Start starts a process where the callers are, such that it ends with this
	// one.
	Start func(*exec.Cmd) error
}

//go:embed program.py
var source []byte

// firstProgram is the number of the first of them in the history.
const firstProgram = 801

// kinds are what programs do, one for each: more want slots and tokens than
// there are.
func kinds() []kind {
	hold, rate := kind{"hold", workload.PrefectSlots}, kind{"rate", workload.PrefectRate}
	return []kind{hold, hold, rate, hold, hold, rate}
}

// kind is what a program does, and at which limit.
type kind struct{ name, limit string }

// Run runs programs until ctx ends, and returns when all have ended. Its error
// says that one ended otherwise than it should, or did nothing.
func (p Programs) Run(ctx context.Context, e *workload.Env) error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return fmt.Errorf("make their folder: %w", err)
	}
	script := filepath.Join(p.Dir, "program.py")
	if err := os.WriteFile(script, source, 0o600); err != nil {
		return fmt.Errorf("write their source: %w", err)
	}
	list := kinds()
	errs := make([]error, len(list))
	var all sync.WaitGroup
	for i, k := range list {
		all.Go(func() {
			t := teller{env: e, kind: k, client: firstProgram + i, node: i % len(e.URLs), zero: e.Record.Now() - monotonic()}
			if err := p.one(ctx, t, script); err != nil {
				errs[i] = fmt.Errorf("c%d: %w", t.client, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// monotonic reads the machine's monotonic clock, which Python's monotonic_ns
// reads, too.
func monotonic() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic("prefect: no monotonic clock: " + err.Error()) // Linux has one
	}
	return time.Duration(now.Nano())
}

// finishTime is how long a program may take to end its turn: its client's 30 s,
// and what an exchange over a bad link may take.
const finishTime = 100 * time.Second

// errIdle says that a program never got through a turn.
var errIdle = errors.New("it never got what it asked for")

// one runs a program and notes what it tells.
func (p Programs) one(ctx context.Context, t teller, script string) error {
	log, err := os.Create(filepath.Join(p.Dir, fmt.Sprintf("c%d.log", t.client)))
	if err != nil {
		return fmt.Errorf("open its log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(p.Python, "bin", "python"), script, t.kind.name, t.kind.limit, fmt.Sprint(t.env.Seed^uint64(t.client)))
	cmd.Env, cmd.Stderr = p.environment(t), log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(cmd); err != nil {
		return fmt.Errorf("start it: %w", err)
	}
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = stdin.Close() // tells it to end
		select {
		case <-late:
		case <-time.After(finishTime):
			_ = cmd.Process.Kill() // which Wait tells
		}
	})
	told, err := t.listen(stdout)
	err = errors.Join(err, cmd.Wait())
	stop()
	close(late)
	switch {
	case err != nil:
		return fmt.Errorf("%w: see %s", err, log.Name())
	case told == 0:
		return errIdle
	}
	return nil
}

// environment is that of a program: the machine's, without proxies, and what its
// client reads.
func (p Programs) environment(t teller) (env []string) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			env = append(env, v)
		}
	}
	return append(env,
		"PREFECT_API_URL="+t.env.URLs[t.node]+"/api", "PREFECT_HOME="+filepath.Join(p.Dir, fmt.Sprintf("c%d", t.client)),
		"PREFECT_SERVER_ANALYTICS_ENABLED=false", "DO_NOT_TRACK=1", "NO_COLOR=1", "PYTHONWARNINGS=ignore")
}
