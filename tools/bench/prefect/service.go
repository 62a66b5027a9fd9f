package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// service is a program that runs in the background, in a process group of its
// own, and can be killed and started again.
type service struct {
	command func() *exec.Cmd
	log     string // file of what it prints
	running *exec.Cmd
}

func (s *service) start() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command()
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	s.running = cmd
	return nil
}

// kill ends the group by SIGKILL, if it runs.
func (s *service) kill() {
	if s.running != nil {
		killGroup(s.running)
		s.running = nil
	}
}

// killGroup ends a process that leads a group, and all that it started.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // where it has ended, all the better
	_ = cmd.Wait()
}

// readyIn is how long a server may take until it answers.
const readyIn = 10 * time.Minute

// await asks url until it answers with 200. What the program printed is in the
// error.
func (s *service) await(ctx context.Context, url string) error {
	return s.awaitThat(ctx, func() error { return call(ctx, http.MethodGet, url, nil, nil) })
}

// awaitThat tries until try succeeds.
func (s *service) awaitThat(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			printed, _ := os.ReadFile(s.log)
			return fmt.Errorf("%s does not get ready: %w\n%s", s.running.Path, err, printed)
		}
	}
}
