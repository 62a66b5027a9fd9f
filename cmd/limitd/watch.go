package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/cmd/limitd/screen"
	"github.com/urfave/cli/v2"
)

// shortestInterval bounds --interval from below, so that watching is no load.
const shortestInterval = 50 * time.Millisecond

// listing asks a node for what a command shows, to be written by p.
type listing func(ctx context.Context, a *api, p printer) (result, error)

// watchFlags are the flags of a command whose action is showing.
func watchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "watch", Category: "Watch", Aliases: []string{"w"}, Usage: "go on showing it, in place on a terminal; jsonl, name and template write a line for each change"},
		&cli.DurationFlag{Name: "interval", Category: "Watch", Value: 2 * time.Second, Usage: "how often --watch looks"},
	}
}

// showing is the action of a command that shows what there is: once, or with
// --watch until a signal ends it.
func showing(c *cli.Context, w world, ask listing) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	a := newAPI(c, w)
	if !c.Bool("watch") {
		if c.IsSet("interval") {
			return usagef(commandPath(c), "--interval is how often --watch looks: give that too")
		}
		r, err := ask(c.Context, a, p)
		if err != nil {
			return err
		}
		return p.show(r)
	}
	every := c.Duration("interval")
	switch {
	case every < shortestInterval:
		return usagef(commandPath(c), "--interval is %v: give at least %v", every, shortestInterval)
	case p.format == formatJSON:
		return usagef(commandPath(c), "--watch writes no single JSON object: -o jsonl writes a line for each change")
	}
	a.stale = true // the node's own copy, which costs the cluster nothing
	title := fmt.Sprintf("%s   every %v", strings.Join(append([]string{commandPath(c)}, c.Args().Slice()...), " "), every)
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return watch(ctx, every, watcherFor(ctx, w, p, a, title), func(p printer) (result, error) { return ask(ctx, a, p) })
}

// watcher shows one result after the other.
type watcher interface {
	printer() printer       // what the next result is to be written by
	next(result) error      // shows it
	failed(err error)       // tells that there was no answer this time
	close(last error) error // ends it; last is what ended the watch, nil for a signal
}

func watcherFor(ctx context.Context, w world, p printer, a *api, title string) watcher {
	if p.format != formatTable {
		return &changes{p: p, stderr: w.stderr}
	}
	if f, ok := screen.Terminal(w.stdout); ok {
		return &redrawn{p: p, screen: screen.Open(f), title: func() string { return title + "   " + a.source(ctx) }}
	}
	return &repeated{p: p, stderr: w.stderr}
}

// watch asks again and again, until ctx is over or an error will not pass. What
// a missing node or leader causes does pass.
func watch(ctx context.Context, every time.Duration, to watcher, ask func(printer) (result, error)) error {
	again := time.NewTicker(every)
	defer again.Stop()
	for first := true; ; first = false {
		r, err := ask(to.printer())
		var f *failure
		switch {
		case ctx.Err() != nil:
			return to.close(nil)
		case err == nil:
			if err := to.next(r); err != nil {
				return to.close(err)
			}
		case !first && errors.As(err, &f) && f.code == exitNoLeader:
			to.failed(err)
		default:
			return to.close(err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return to.close(nil)
		}
	}
}

// changes writes a line for each item that is new or has changed, and where
// lines are JSON, for each that is gone.
type changes struct {
	p      printer
	stderr io.Writer
	silent bool // that there is no answer was told

	keys []string
	last map[string]string // what was shown of each
}

func (c *changes) printer() printer { return c.p }

func (c *changes) next(r result) error {
	c.silent = false
	var keys []string
	now := map[string]string{}
	for _, it := range r.items {
		text, err := markOf(r, it)
		if err != nil {
			return err
		}
		key := it.name
		for n := 2; now[key] != ""; n++ { // what has no name of its own
			key = fmt.Sprint(it.name, "#", n)
		}
		keys, now[key] = append(keys, key), text
		if c.last[key] == text {
			continue
		}
		line, err := c.p.lineOf(it)
		if err == nil {
			err = c.p.line("%s", line)
		}
		if err != nil {
			return err
		}
	}
	err := c.gone(now)
	c.keys, c.last = keys, now
	return err
}

// markOf returns what it is recognised by as unchanged.
func markOf(r result, it item) (string, error) {
	if r.mark != nil {
		return r.mark(it)
	}
	return compact(it.json)
}

// withoutTimes is the mark of things whose JSON tells how long something has
// lasted or will last, or how far a node has come: that is no news.
func withoutTimes(it item) (string, error) {
	text, err := compact(it.json)
	if err != nil {
		return "", err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return "", err
	}
	for _, passing := range []string{"expires_in", "held", "waiting_for", "deadline_in", "estimated_wait", "applied_index", "last_contact"} {
		delete(fields, passing)
	}
	return compact(fields)
}

// gone tells of the items that are no more, where the format can.
func (c *changes) gone(now map[string]string) error {
	if c.p.format != formatLines {
		return nil
	}
	for _, key := range c.keys {
		if _, still := now[key]; still {
			continue
		}
		line, err := compact(map[string]string{"deleted": key})
		if err == nil {
			err = c.p.line("%s", line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *changes) failed(err error) { failedOnce(c.stderr, &c.silent, err) }

func (c *changes) close(last error) error { return last }

// failedOnce reports the first error of several in a row.
func failedOnce(w io.Writer, told *bool, err error) {
	if !*told {
		report(w, err)
		*told = true
	}
}

// repeated writes the whole again, behind an empty line, when it has changed in more
// than the time that passes.
type repeated struct {
	p      printer
	stderr io.Writer
	silent bool
	buffer bytes.Buffer
	last   string // as it was written
	marks  string // of its items
}

func (r *repeated) printer() printer {
	r.buffer.Reset()
	return r.p.to(&r.buffer)
}

func (r *repeated) next(shown result) error {
	r.silent = false
	marks, err := marksOf(shown)
	if err == nil {
		err = shown.people()
	}
	if err != nil || r.last != "" && (marks == r.marks || r.buffer.String() == r.last) {
		return err
	}
	if r.last != "" {
		fmt.Fprintln(r.p.out)
	}
	r.last, r.marks = r.buffer.String(), marks
	_, err = io.WriteString(r.p.out, r.last)
	return err
}

// marksOf returns what all its items are recognised by as unchanged.
func marksOf(r result) (string, error) {
	var all strings.Builder
	for _, it := range r.items {
		mark, err := markOf(r, it)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%q %s\n", it.name, mark)
	}
	return all.String(), nil
}

func (r *repeated) failed(err error) { failedOnce(r.stderr, &r.silent, err) }

func (r *repeated) close(last error) error { return last }

// redrawn shows the newest in place on a terminal, below a line that tells what
// it is, and leaves it there when it ends.
type redrawn struct {
	p      printer
	screen interface {
		Draw(text string) error
		Close()
	}
	title  func() string
	buffer bytes.Buffer
	last   string
}

func (r *redrawn) printer() printer {
	r.buffer.Reset()
	return r.p.to(&r.buffer)
}

func (r *redrawn) next(shown result) error {
	if err := shown.people(); err != nil {
		return err
	}
	r.last = r.buffer.String()
	return r.screen.Draw(r.title() + "\n\n" + r.last)
}

func (r *redrawn) failed(err error) {
	_ = r.screen.Draw(r.title() + "\n" + firstLine(err) + "\n" + r.last) // a terminal that is gone ends the process
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (r *redrawn) close(last error) error {
	r.screen.Close()
	fmt.Fprint(r.p.out, r.last)
	return last
}
