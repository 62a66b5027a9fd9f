package devcluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// ConsoleHelp tells the commands of a Console, in one line.
const ConsoleHelp = `"kill leader", "kill n1", "stop n1", "start n1", "nodes"`

// stopTime is how long a node that is stopped from the console lets open calls end.
const stopTime = 5 * time.Second

// Console does what the lines of in say, and answers on out, until in ends.
func (c *Cluster) Console(in io.Reader, out io.Writer) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		fmt.Fprintf(out, "==> %s\n", c.command(words[0], strings.Join(words[1:], " ")))
	}
}

// command does one command and returns the answer.
func (c *Cluster) command(verb, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var err error
	switch verb {
	case "nodes":
		return c.describe()
	case "stop":
		if name, err = c.Stop(ctx, name); err == nil {
			return fmt.Sprintf("%s has stopped, and handed over before; \"start %s\" brings it back.", name, name)
		}
	case "kill":
		if name, err = c.Kill(ctx, name); err == nil {
			return fmt.Sprintf("%s is gone, without a word; \"start %s\" brings it back.", name, name)
		}
	case "start":
		if err = c.Revive(ctx, name); err == nil {
			return name + " runs."
		}
	default:
		return fmt.Sprintf("unknown command %q; there are: %s", verb, ConsoleHelp)
	}
	return err.Error()
}

func (c *Cluster) describe() string {
	var list []string
	for _, n := range c.Nodes() {
		state := "runs"
		switch {
		case n.Leader:
			state = "leads"
		case !n.Runs:
			state = "is down"
		}
		list = append(list, fmt.Sprintf("%s (%s) %s", n.Name, n.HTTP, state))
	}
	return strings.Join(list, ", ")
}
