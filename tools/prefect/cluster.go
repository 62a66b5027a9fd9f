package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// cluster is three processes of limitd.
type cluster struct {
	bin   string
	dir   string
	nodes []*process
}

// process is one node.
type process struct {
	name, http string
	args       []string
	cmd        *exec.Cmd
}

// startCluster starts three nodes, and waits until one of them leads.
func startCluster(ctx context.Context, bin, dir string, flags ...string) (*cluster, error) {
	ports, err := freePorts(9)
	if err != nil {
		return nil, err
	}
	join := strings.Join([]string{ports[2], ports[5], ports[8]}, ",")
	c := &cluster{bin: bin, dir: dir}
	for i := range 3 {
		name, p := fmt.Sprint("n", i+1), ports[3*i:]
		c.nodes = append(c.nodes, &process{name: name, http: p[0], args: append([]string{
			"agent", "--name", name, "--data-dir", filepath.Join(dir, name), "--http-address", p[0], "--peer-address", p[1],
			"--gossip-address", p[2], "--cluster-bootstrap-expect", "3", "--cluster-retry-join", join,
		}, flags...)})
		if err := c.start(c.nodes[i]); err != nil {
			return c, err
		}
	}
	_, err = c.leader(ctx)
	return c, err
}

// freePorts returns loopback addresses that were free a moment ago.
func freePorts(n int) (list []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:errcheck // it only kept the port
		list = append(list, l.Addr().String())
	}
	return list, nil
}

func (c *cluster) start(p *process) error {
	log, err := os.OpenFile(filepath.Join(c.dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has it
	p.cmd = exec.Command(c.bin, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	return p.cmd.Start()
}

// again starts a node that was killed, and waits until it answers.
func (c *cluster) again(ctx context.Context, p *process) error {
	if err := c.start(p); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if call(ctx, http.MethodGet, "http://"+p.http+"/v1/cluster", "", nil) == nil {
			return nil
		}
	}
	return fmt.Errorf("%s was started again, and does not answer", p.name)
}

// kill ends a node by SIGKILL.
func (p *process) kill() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // where it has ended, all the better
		_ = p.cmd.Wait()
	}
}

func (c *cluster) stop() {
	for _, p := range c.nodes {
		p.kill()
	}
}

// leader waits for a leader, by its own word, and returns its place among the
// nodes: what others say may be of before an election.
func (c *cluster) leader(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil {
		for i, p := range c.nodes {
			var seen struct{ Leader string }
			if call(ctx, http.MethodGet, "http://"+p.http+"/v1/cluster", "", &seen) == nil && seen.Leader == p.name {
				return i, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, errors.New("the cluster has no leader within two minutes")
}

// patience is how long an election may take on a machine that has much to do.
const patience = 2 * time.Minute

// errUnavailable says that a node could not answer now.
var errUnavailable = errors.New("unavailable")

// ask is call, tried again while the node cannot answer: an election may be on.
func ask(ctx context.Context, method, url, body string, into any) (err error) {
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err = call(ctx, method, url, body, into)
		if !errors.Is(err, errUnavailable) || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}

// call makes a request with a JSON body, and reads a JSON answer.
func call(ctx context.Context, method, url, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("%s %s: %w: %s", method, url, errUnavailable, bytes.TrimSpace(text))
	case res.StatusCode >= 300:
		return fmt.Errorf("%s %s: %s: %s", method, url, res.Status, bytes.TrimSpace(text))
	case into != nil:
		return json.Unmarshal(text, into)
	}
	return nil
}
