package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/limitd/limitd/tools/prefect/venv"
)

// session is what the checks of one version run with.
type session struct {
	bin, examples string
	flows         bool // to be checked
	env           venv.Python
	dir           string // of the nodes, of a server, and of the client's home
	cluster       *cluster
	url           string // of the node that the clients are told: one that follows
	server        string // of a real Prefect server behind the nodes; "": there is none
}

// check is one line of what is looked at.
type check struct {
	name string
	run  func(context.Context, *session) (note string, err error)
}

// seen is what came of a check.
type seen struct {
	name string
	note string
	err  error
}

func (s seen) result() string {
	if s.err != nil {
		return "FAIL"
	}
	return s.note
}

// row is what was seen of one version.
type row struct {
	version string
	checks  []seen
}

// checkVersion runs the checks of one version: against three nodes alone, and
// where flows are checked, against three nodes before a real Prefect server of
// that version.
func checkVersion(ctx context.Context, s session) (r row, err error) {
	r.version = s.env.Version
	root, err := os.MkdirTemp("", "limitd-prefect-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(root) //nolint:errcheck // a folder for temporary files
	for _, phase := range []struct {
		name   string
		checks []check
		server bool
	}{
		{"alone", aloneChecks(), false},
		{"before", beforeChecks(), true},
	} {
		s.dir = filepath.Join(root, phase.name)
		if phase.server && !s.flows {
			continue
		}
		if err := os.Mkdir(s.dir, 0o755); err != nil {
			return r, err
		}
		list, err := s.phase(ctx, phase.server, phase.checks)
		if err != nil {
			return r, err
		}
		r.checks = append(r.checks, list...)
	}
	return r, ctx.Err()
}

// phase runs checks against a new cluster, which may stand before a real server.
func (s *session) phase(ctx context.Context, server bool, checks []check) (list []seen, err error) {
	var flags []string
	if server {
		process, url, err := s.startServer(ctx)
		if err != nil {
			return nil, err
		}
		defer end(process)
		s.server, flags = url, []string{"--prefect-upstream", url}
	}
	if err := s.start(ctx, flags...); err != nil {
		return nil, err
	}
	defer s.cluster.stop()
	for _, c := range checks {
		begun := time.Now()
		done := seen{name: c.name}
		done.note, done.err = c.run(ctx, s)
		fmt.Printf("Prefect %s: %s: %s, %.0f s\n", s.env.Version, c.name, done.result(), time.Since(begun).Seconds())
		if done.err != nil {
			fmt.Println(done.err)
		}
		list = append(list, done)
	}
	return list, nil
}

// start starts a cluster of three nodes, with further flags.
func (s *session) start(ctx context.Context, flags ...string) (err error) {
	s.cluster, err = startCluster(ctx, s.bin, s.dir, flags...)
	if err == nil {
		err = s.follow(ctx)
	}
	if err != nil && s.cluster != nil {
		s.cluster.stop()
	}
	return err
}

// follow tells the clients from now on of a node that follows.
func (s *session) follow(ctx context.Context) error {
	leader, err := s.cluster.leader(ctx)
	if err == nil {
		s.url = "http://" + s.cluster.nodes[(leader+1)%3].http
	}
	return err
}

// startServer starts a Prefect server of the session's version, and returns the
// base of its API.
func (s *session) startServer(ctx context.Context) (*exec.Cmd, string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, "", err
	}
	host, port, _ := strings.Cut(ports[0], ":")
	log, err := os.Create(filepath.Join(s.dir, "server.log"))
	if err != nil {
		return nil, "", err
	}
	defer log.Close() //nolint:errcheck // the process has it
	cmd := s.env.Command(context.WithoutCancel(ctx), "", filepath.Join(s.dir, "server"),
		"-c", venv.CommandLine, "server", "start", "--host", host, "--port", port)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	url := "http://" + ports[0] + "/api"
	for end := time.Now().Add(programTime); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
		if call(ctx, http.MethodGet, url+"/health", "", nil) == nil {
			return cmd, url, nil
		}
	}
	end(cmd)
	text, _ := os.ReadFile(log.Name())
	return nil, "", fmt.Errorf("the Prefect server does not start:\n%s", text)
}

// end ends a process that is done with.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // where it has ended, all the better
	_ = cmd.Wait()
}

// limit makes a limit, or sets it.
func (s *session) limit(ctx context.Context, name, body string) error {
	return ask(ctx, http.MethodPut, s.url+"/v1/limits/"+name, body, nil)
}

// status is how a limit stands.
type status struct{ Occupied, Waiting int }

func (s *session) status(ctx context.Context, limit string) (status, error) {
	var l struct{ Status status }
	err := ask(ctx, http.MethodGet, s.url+"/v1/limits/"+limit, "", &l)
	return l.Status, err
}

// complaint is a line of a client's log that no program should see.
var complaint = regexp.MustCompile(`(?m)^.*(WARNING|ERROR|CRITICAL|Traceback|Unable to|do not exist).*$`)

// own are what clients print by themselves, whatever the server:
//
//   - At its end a process tells, as a warning, that events are still to be sent,
//     where any are; it sends them, and ends. So it does on a Prefect server.
//   - A flow of Prefect 3.0 to 3.3 that waits for no task is told so, for each.
//   - 3.4.10 asks the renewal that it has just cancelled for its exception.
var own = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^.*Still processing items: \d+ items remaining\.\.\.$`),
	regexp.MustCompile(`(?m)^.*A future was garbage collected before it resolved\..*$`),
	regexp.MustCompile(`(?ms)^exception calling callback for <Future at \w+ state=cancelled>$.*?^concurrent\.futures\._base\.CancelledError$`),
	regexp.MustCompile(`(?ms)^Exception in callback concurrency\.<locals>\.handle_lease_renewal_failure.*?^asyncio\.exceptions\.CancelledError$`),
}

// complaints returns the first complaint that is not a client's own; "" for none.
func complaints(log string) string {
	for _, o := range own {
		log = o.ReplaceAllString(log, "")
	}
	return complaint.FindString(log)
}

// programTime is how long a program may take, on a machine that has much to do.
const programTime = 10 * time.Minute

// ran is what a program left.
type ran struct {
	out, log string
	err      error
}

// program runs a Python program against a node. A complaint in its log is an
// error.
func (s *session) program(ctx context.Context, args ...string) ran {
	r := s.run(ctx, s.url+"/api", args...)
	if line := complaints(r.log); r.err == nil && line != "" {
		r.err = fmt.Errorf("%s complains: %s\n%s", args[0], line, r.log)
	}
	return r
}

// run runs a Python program against a server; "": the one that its home names.
func (s *session) run(ctx context.Context, url string, args ...string) ran {
	ctx, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	var out, log bytes.Buffer
	cmd := s.env.Command(ctx, url, filepath.Join(s.dir, "home"), args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	r := ran{err: cmd.Run()}
	if r.out, r.log = out.String(), log.String(); r.err != nil {
		r.err = fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), r.err, r.out, r.log)
	}
	return r
}
