package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shell is a Python process that runs commands of Prefect's command line, so that
// its libraries are loaded once.
type shell struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *os.File
	r   *bufio.Reader
}

// shell starts one against a server; "": the one that the profiles name.
func (s *session) shell(ctx context.Context, url string) (*shell, error) {
	cmd := s.env.Command(ctx, url, filepath.Join(s.dir, "home"), "prefect/programs/commands.py")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // the process has it
	cmd.Stdout, cmd.Stderr = theirs, theirs
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil, err
	}
	return &shell{cmd, in, out, bufio.NewReader(out)}, nil
}

// run runs a command, and returns what it said. An exit code and a complaint are
// errors. Where the command asks whether it is meant, it is.
func (h *shell) run(args string) (string, error) {
	if _, err := io.WriteString(h.in, args+"\ny\n"); err != nil {
		return "", err
	}
	var said strings.Builder
	for {
		line, err := h.r.ReadString('\n')
		if err != nil {
			return said.String(), fmt.Errorf("prefect %s: %w\n%s", args, err, said.String())
		}
		code, ends := strings.CutPrefix(line, "-- exit ")
		if !ends {
			said.WriteString(line)
			continue
		}
		if code = strings.TrimSpace(code); code != "0" {
			return said.String(), fmt.Errorf("prefect %s: exit code %s\n%s", args, code, said.String())
		}
		if line := complaints(said.String()); line != "" {
			return said.String(), fmt.Errorf("prefect %s complains: %s", args, line)
		}
		return said.String(), nil
	}
}

// close ends the process.
func (h *shell) close() {
	end(h.cmd)
	_ = h.out.Close() // only read
}
