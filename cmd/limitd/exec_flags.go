package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

// errNoFile is what a path to a program that is not there meets.
var errNoFile = fs.ErrNotExist

// newExecution reads the command line.
func newExecution(c *cli.Context, w world) (*execution, error) {
	names, args, err := splitCommand(c)
	if err != nil {
		return nil, err
	}
	entries, err := entriesOf(c, names)
	if err != nil {
		return nil, err
	}
	owner, err := execOwner(c, w, args)
	if err != nil {
		return nil, err
	}
	x := &execution{
		api: newAPI(c, w), entries: entries, asked: entryText(entries), args: args, grace: -1, timeout: c.Duration("timeout"),
		request: client.Request{Wait: client.Forever, TTL: c.Duration("ttl"), Missing: c.String("missing"), Owner: owner},
		say:     func(line string) { fmt.Fprintf(w.stderr, "limitd: %s\n", line) },
	}
	if c.Bool("quiet") {
		x.say = func(string) {}
	}
	if c.IsSet("wait") {
		x.request.Wait = c.Duration("wait")
	}
	if c.IsSet("grace") {
		x.grace = c.Duration("grace")
	}
	if ttl := x.request.TTL; ttl > 0 && x.grace > ttl/2 {
		return nil, usagef(commandPath(c), "--grace %s is more than half of --ttl %s, the least that is left of a lease that is renewed: lower the one or raise the other", x.grace, ttl)
	}
	x.request.Limits, x.request.RateLimits = slotsOf(entries, wire.ModeConcurrency), slotsOf(entries, wire.ModeRateLimit)
	return x, nil
}

// splitCommand parts the limits from the command at the "--".
func splitCommand(c *cli.Context) (names, args []string, err error) {
	all := c.Args().Slice()
	i := slices.Index(all, "--")
	if i < 0 || i == len(all)-1 {
		return nil, nil, usagef(commandPath(c), "say what to run, behind a --: limitd exec NAME -- COMMAND")
	}
	return all[:i], all[i+1:], nil
}

// slotsOf returns the entries of one mode.
func slotsOf(entries []wire.Entry, mode string) client.Slots {
	slots := client.Slots{}
	for _, e := range entries {
		if e.Mode == mode {
			slots[e.Name] = e.Slots
		}
	}
	return slots
}

// execOwner says who holds the slots: the command, but not its arguments, which
// may be secret.
func execOwner(c *cli.Context, w world, args []string) (*wire.Owner, error) {
	host, _ := os.Hostname() // "" where it has none
	o := &wire.Owner{Name: filepath.Base(args[0]), Host: host, PID: int64(os.Getpid()), Meta: map[string]string{}}
	if c.IsSet("owner") {
		o.Name = c.String("owner")
	}
	if user, ok := w.lookup("USER"); ok && user != "" {
		o.Meta["user"] = user
	}
	given := map[string]string{}
	for _, text := range c.StringSlice("meta") {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usagef(commandPath(c), "--meta %q is not KEY=VALUE", text)
		}
		if before, again := given[key]; again && before != value {
			return nil, usagef(commandPath(c), "--meta has two values for %q: %q and %q", key, before, value)
		}
		given[key], o.Meta[key] = value, value
	}
	return o, nil
}

// Variables that the command finds in its environment.
const (
	variableLease    = "LIMITD_LEASE_ID"
	variableToken    = "LIMITD_FENCING_TOKEN"
	variableOrdinals = "LIMITD_SLOT_ORDINALS"
)

// leaseEnvironment is this process's environment with the lease in it, and
// without that of an exec around this one.
func leaseEnvironment(lease *client.Lease) []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == variableLease || name == variableToken || name == variableOrdinals
	})
	env = append(env, variableLease+"="+lease.ID(), fmt.Sprintf("%s=%d", variableToken, lease.Token()))
	var numbered []wire.GrantedLimit
	for _, g := range lease.Limits() {
		if len(g.Ordinals) > 0 {
			numbered = append(numbered, g)
		}
	}
	if len(numbered) == 1 {
		return append(env, variableOrdinals+"="+ordinalText(numbered[0].Ordinals))
	}
	var texts []string
	for _, g := range numbered {
		texts = append(texts, g.Name+"="+ordinalText(g.Ordinals))
	}
	if len(texts) > 0 {
		env = append(env, variableOrdinals+"="+strings.Join(texts, " "))
	}
	return env
}

// defaultGrace is what a command gets to end in where --grace says nothing.
func defaultGrace(ttl time.Duration) time.Duration { return min(10*time.Second, ttl/6) }
