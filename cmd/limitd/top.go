package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/cmd/limitd/screen"
	"github.com/limitd/limitd/cmd/limitd/top"
	"github.com/urfave/cli/v2"
)

func topCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "top", Usage: "show live which limits are full, who waits, and how fast slots are granted",
		Description: "limitd top --sort waiting\nlimitd top --once -o json\n\n" +
			"On a terminal; ? shows the keys, q quits. Granted and denied per second are those of all nodes\n" +
			"that can be reached from here; the rest comes from the copy of the one that answers.",
		Flags: apiFlags(append(limitFilterFlags(),
			&cli.BoolFlag{Name: "once", Usage: "look twice, --interval apart, write what was seen, and end"},
			&cli.DurationFlag{Name: "interval", Value: time.Second, Usage: "how often to look"},
			&cli.StringFlag{Name: "sort", Value: top.ByUse, Usage: "`COLUMN` to sort by: " + strings.Join(top.Orders(), ", ")},
		)...),
		Action: func(c *cli.Context) error { return runTop(c, w) },
	}
}

func runTop(c *cli.Context, w world) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	out, terminal := screen.Terminal(w.stdout)
	in, keyboard := screen.Terminal(w.stdin)
	once := c.Bool("once")
	switch {
	case c.Duration("interval") < shortestInterval:
		return usagef(commandPath(c), "--interval is %v: give at least %v", c.Duration("interval"), shortestInterval)
	case !slices.Contains(top.Orders(), c.String("sort")):
		return usagef(commandPath(c), "there is no column %q to sort by.%s", c.String("sort"), didYouMean(c.String("sort"), top.Orders()))
	case !once && (!terminal || !keyboard):
		return usagef(commandPath(c), "this is no terminal: --once writes one look")
	case !once && p.format != formatTable:
		return usagef(commandPath(c), "on a terminal there is no --output; --once has it")
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := newSampler(newAPI(c, w), limitFilter(c), c.Duration("interval"))
	v := &top.View{Sort: c.String("sort")}
	if once {
		return topOnce(ctx, p, s, v)
	}
	_, plain := w.lookup("NO_COLOR")
	v.Colour = !plain
	return topLive(ctx, s, v, in, screen.Open(out))
}

// topOnce looks twice, and writes what was seen.
func topOnce(ctx context.Context, p printer, s *sampler, v *top.View) error {
	look, err := s.next(ctx)
	if err == nil {
		look, err = s.next(ctx)
	}
	if err != nil {
		return err
	}
	rows := v.Rows(look)
	look.Limits = rows
	shown := result{whole: look, people: func() error {
		_, err := fmt.Fprint(p.out, top.Render(look, v, 0, 0))
		return err
	}}
	for _, r := range rows {
		shown.items = append(shown.items, item{r.Name, r, r})
	}
	return p.show(shown)
}

// topLive shows one look after the other until q is pressed or ctx is over.
func topLive(ctx context.Context, s *sampler, v *top.View, in *os.File, on *screen.Screen) error {
	defer on.Close()
	restore, err := screen.ReadKeys(in)
	if err != nil {
		return err
	}
	defer restore()
	ctx, cancel := context.WithCancel(ctx)
	keys, looks := make(chan string), make(chan seen)
	go screen.EachKey(in, func(key string) { // ends with the process: reading a terminal cannot be cut short
		select {
		case keys <- key:
		case <-ctx.Done():
		}
	})
	asked := make(chan struct{})
	go func() { defer close(asked); s.run(ctx, looks) }()
	defer func() { cancel(); <-asked }()

	var last seen
	for {
		select {
		case <-ctx.Done():
			return nil
		case key := <-keys:
			if v.Press(key) {
				return nil
			}
		case next := <-looks:
			if next.err != nil {
				last.err = next.err
			} else if !v.Paused {
				last = next
			}
		}
		if err := drawTop(on, last, v); err != nil {
			return err
		}
	}
}

// drawTop draws the last look, below what went wrong since.
func drawTop(on *screen.Screen, last seen, v *top.View) error {
	width, height := on.Size()
	complaint := ""
	if last.err != nil {
		complaint = firstLine(last.err) + "\n"
		height--
		if last.look.Limits != nil {
			complaint = "as last seen; now: " + complaint
		}
	}
	return on.Draw(complaint + top.Render(last.look, v, width, height))
}
