// Package rig starts what is compared, each with its data on the same disk and
// fsync on: clusters of limitd, of etcd, and a Redis.
//
//	c, err := rig.StartLimitd(ctx, rig.Place{Binary: "bin/limitd", Dir: dir}, "boltdb", "")
//	defer c.Close()
//	c.Leader  // host:port
//	c.CPU()   // what all its processes have used
package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
)

// Place says which program is run, and where its data goes.
type Place struct {
	Binary, Dir string
	Nodes       int // of limitd; 0: three
}

// System is something that runs: one process or a cluster of them.
type System struct {
	Leader   string // host:port for clients
	Follower string // host:port of a node that does not lead; "" for one process
	Nodes    *nodes.Cluster
	pids     func() []int
	close    func() error
}

// Close ends all processes. Their files stay.
func (s *System) Close() error { return s.close() }

// readyIn is how long a system may take to start.
const readyIn = time.Minute

// StartLimitd starts a cluster with a log store, "boltdb" or "wal", and more HCL.
func StartLimitd(ctx context.Context, p Place, store, hcl string) (*System, error) {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	hcl += fmt.Sprintf("raft {\n  log_store = %q\n}\nlog {\n  level = \"warn\"\n}\n", store)
	c, err := nodes.Start(nodes.Config{Binary: p.Binary, Dir: p.Dir, Size: cmp.Or(p.Nodes, 3), Extra: hcl})
	if err != nil {
		return nil, fmt.Errorf("start limitd: %w", err)
	}
	s := &System{Nodes: c, close: c.Close, pids: func() (all []int) {
		for _, n := range c.Nodes() {
			all = append(all, n.PID())
		}
		return all
	}}
	if err := s.Look(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

// Look waits until a cluster of limitd is ready, and sets Leader and Follower.
func (s *System) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for _, n := range s.Nodes.Nodes() {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	leader, err := s.Nodes.Leader(ctx)
	if err != nil {
		return err
	}
	s.Leader, s.Follower = leader.HTTP, ""
	for _, n := range s.Nodes.Nodes() {
		if n != leader {
			s.Follower = n.HTTP
		}
	}
	return nil
}

// process starts one that writes to a file in the directory dir.
func process(p Place, name string, args ...string) (*exec.Cmd, error) {
	logs, err := os.Create(filepath.Join(p.Dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer logs.Close()
	cmd := exec.Command(p.Binary, args...)
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return cmd, nil
}

// kill ends processes and waits for their ends.
func kill(all []*exec.Cmd) error {
	for _, cmd := range all {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}
	return nil
}

func pids(all []*exec.Cmd) func() []int {
	return func() (list []int) {
		for _, cmd := range all {
			list = append(list, cmd.Process.Pid)
		}
		return list
	}
}

// tick is the unit of CPU times in /proc on Linux.
const tick = 10 * time.Millisecond

// CPU returns the CPU time that all processes have used, to 10 ms; 0 where the
// system does not tell it.
func (s *System) CPU() time.Duration {
	var sum time.Duration
	for _, pid := range s.pids() {
		sum += ProcessCPU(pid)
	}
	return sum
}

// ProcessCPU returns the CPU time that a process has used, as CPU does.
func ProcessCPU(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return cpuTime(string(stat))
}

// cpuTime reads utime and stime, the 12th and 13th field behind the name.
func cpuTime(stat string) (sum time.Duration) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	for _, f := range fields[11:13] {
		n, _ := strconv.ParseInt(f, 10, 64) // the kernel writes numbers
		sum += time.Duration(n) * tick
	}
	return sum
}
