package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// postgres finds the programs of PostgreSQL, which Debian does not put into the
// path. It returns "" where there are none.
func postgres() (folder string) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is a good one
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// startPostgres starts a PostgreSQL with all its defaults, as a user other than
// root, and returns what Prefect's server calls it.
func startPostgres(ctx context.Context, programs, dir string) (database string, server *service, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	as, err := commoner(dir)
	if err != nil {
		return "", nil, err
	}
	program := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(programs, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := program("initdb", "-D", data, "-U", "prefect", "-A", "trust", "-E", "UTF8").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	host, port, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	server = &service{log: dir + ".log", command: func() *exec.Cmd {
		return program("postgres", "-D", data, "-c", "listen_addresses="+host, "-c", "port="+port, "-c", "unix_socket_directories="+dir)
	}}
	if err := server.start(); err != nil {
		return "", nil, err
	}
	address := net.JoinHostPort(host, port)
	if err := server.awaitThat(ctx, func() error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	}); err != nil {
		server.kill()
		return "", nil, err
	}
	return "postgresql+asyncpg://prefect@" + address + "/postgres", server, nil
}

// commoner returns the user that PostgreSQL, which does not run as root, runs as
// where this process does, and gives dir to it; nil: the user that there is.
func commoner(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}
