package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/limitd/limitd/tools/prefect/venv"
)

// onPostgres is the name of the system that aims are about.
const onPostgres = "Prefect, PostgreSQL"

// startPrefect starts a Prefect server with all its defaults, on the database
// that a URL names; none: on SQLite.
func startPrefect(ctx context.Context, python venv.Python, dir, name, database string) (*system, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	host, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server := &service{log: filepath.Join(dir, "server.log"), command: func() *exec.Cmd {
		cmd := python.Command(context.WithoutCancel(ctx), "", filepath.Join(dir, "server"),
			"-c", venv.CommandLine, "server", "start", "--host", host, "--port", port)
		if database != "" {
			cmd.Env = append(cmd.Env, "PREFECT_SERVER_DATABASE_CONNECTION_URL="+database)
		}
		return cmd
	}}
	s := &system{name: name, address: net.JoinHostPort(host, port), kill: server.kill}
	s.close = func() error { server.kill(); return nil }
	s.restart = func(ctx context.Context) error {
		if err := server.start(); err != nil {
			return err
		}
		return server.await(ctx, s.api()+"/health")
	}
	if err := s.restart(ctx); err != nil {
		server.kill()
		return nil, err
	}
	return s, nil
}
