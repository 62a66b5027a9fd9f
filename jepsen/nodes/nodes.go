// Package nodes runs the real limitd binary: a cluster of processes on
// loopback, each from its own HCL file, that can be killed, stopped, paused
// and started again.
//
//	c, err := nodes.Start(nodes.Config{Binary: "bin/limitd", Dir: dir, Size: 3})
//	defer c.Close()
//	leader, err := c.Leader(ctx)
//	c.Kill(leader)
//	c.Restart(leader)
package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Config says which cluster to run.
type Config struct {
	Binary string // the limitd binary
	Dir    string // where configuration, data and logs go
	Size   int    // how many nodes
	Extra  string // HCL that every node's file gets
}

// Cluster is a cluster of processes.
type Cluster struct {
	cfg   Config
	nodes []*Node
}

// Node is one process.
type Node struct {
	Name string
	HTTP string // host:port
	dir  string
	file string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // how it ended
}

// Start writes the HCL files and starts all nodes.
func Start(cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg}
	ports, err := freePorts(3 * cfg.Size)
	if err != nil {
		return nil, err
	}
	for i := range cfg.Size {
		n := &Node{Name: fmt.Sprintf("n%d", i+1), HTTP: loopback(ports[3*i])}
		n.dir = filepath.Join(cfg.Dir, n.Name)
		n.file = filepath.Join(cfg.Dir, n.Name+".hcl")
		if err := os.WriteFile(n.file, []byte(c.hcl(n, ports, i)), 0o600); err != nil {
			return nil, fmt.Errorf("write the configuration of %s: %w", n.Name, err)
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := c.Restart(n); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (c *Cluster) hcl(n *Node, ports []int, i int) string {
	join := ""
	for other := range c.cfg.Size {
		if other != i {
			join += fmt.Sprintf("%q, ", loopback(ports[3*other+2]))
		}
	}
	return fmt.Sprintf(`name     = %q
data_dir = %q
http   { address = %q }
peer   { address = %q }
gossip { address = %q }
cluster {
  bootstrap_expect = %d
  retry_join       = [%s]
}
%s`, n.Name, n.dir, n.HTTP, loopback(ports[3*i+1]), loopback(ports[3*i+2]), c.cfg.Size, join, c.cfg.Extra)
}

// freePorts asks the system for ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("look for a free port: %w", err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// Nodes returns all nodes.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// URLs returns the nodes' base URLs.
func (c *Cluster) URLs() (urls []string) {
	for _, n := range c.nodes {
		urls = append(urls, n.URL())
	}
	return urls
}

// URL returns the node's base URL.
func (n *Node) URL() string { return "http://" + n.HTTP }

// Restart starts a node that is not running.
func (c *Cluster) Restart(n *Node) error {
	logs, err := os.OpenFile(filepath.Join(c.cfg.Dir, n.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", n.Name, err)
	}
	defer logs.Close()
	n.cmd = exec.Command(c.cfg.Binary, "agent", "-config", n.file)
	n.cmd.Stdout, n.cmd.Stderr = logs, logs
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		n.err = cmd.Wait()
		close(done)
	}()
	return nil
}

// Kill ends a node with SIGKILL and waits for its end.
func (c *Cluster) Kill(n *Node) { _ = c.signal(n, syscall.SIGKILL); <-n.done }

// Stop ends a node with SIGTERM and waits for its end. It returns an error
// unless the process ends with code 0.
func (c *Cluster) Stop(n *Node) error {
	if err := c.signal(n, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-n.done:
		return n.err
	case <-time.After(20 * time.Second):
		c.Kill(n)
		return fmt.Errorf("%s did not end within 20s of SIGTERM", n.Name)
	}
}

// Signal sends any signal to a node.
func (c *Cluster) Signal(n *Node, s syscall.Signal) error { return c.signal(n, s) }

func (c *Cluster) signal(n *Node, s syscall.Signal) error {
	select {
	case <-n.done:
		return fmt.Errorf("%s is not running", n.Name)
	default:
		return n.cmd.Process.Signal(s)
	}
}

// Running tells whether the node's process lives.
func (n *Node) Running() bool {
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

// Close ends all nodes. Their files stay.
func (c *Cluster) Close() error {
	for _, n := range c.nodes {
		if n.done != nil && n.Running() {
			c.Kill(n)
		}
	}
	return nil
}

// Leader waits until all running nodes name the same running leader.
func (c *Cluster) Leader(ctx context.Context) (*Node, error) {
	for {
		if n := c.agreedLeader(ctx); n != nil {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no leader that all nodes name: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *Cluster) agreedLeader(ctx context.Context) (leader *Node) {
	name := ""
	for _, n := range c.nodes {
		if !n.Running() {
			continue
		}
		said, err := n.NamedLeader(ctx)
		if err != nil || said == "" || name != "" && said != name {
			return nil
		}
		name = said
	}
	for _, n := range c.nodes {
		if n.Name == name && n.Running() {
			leader = n
		}
	}
	return leader
}
