package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/daemon"
	"github.com/urfave/cli/v2"
)

// drainTime is how long a stopping node lets open calls end.
const drainTime = 10 * time.Second

func agentCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "agent", Usage: "run a node",
		ArgsUsage: "[-config FILE|DIR]...",
		Description: "A node for production:     limitd agent -config /etc/limitd\n" +
			"A node to try things with: limitd agent -dev\n\n" +
			"Flags win over LIMITD_ variables (--http-address: LIMITD_HTTP_ADDRESS), variables over files,\n" +
			"later files over earlier ones. config.hcl.example documents every key.",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "config", Usage: "`FILE` or folder of *.hcl files; may be repeated"},
			&cli.BoolFlag{Name: "dev", Usage: "one node, in memory, on loopback; not for production"},
		}, keyFlags()...),
		Action: func(c *cli.Context) error { return runAgent(c, w) },
	}
}

func runAgent(c *cli.Context, w world) error {
	loaded := loadConfig(c, w)
	if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
		return silent(exitUsage)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	logs := &gate{to: w.stderr, open: !c.Bool("dev")}
	logger := newLogger(loaded.Config, logs)
	fatal := make(chan error, 1)
	node, err := daemon.Start(c.Context, loaded.Config, daemon.Deps{
		Logger: logger, Version: version(),
		Fatal: func(err error) {
			select {
			case fatal <- err:
			default: // the first reason is the one that counts
			}
		},
	})
	if err != nil {
		logs.Open()
		return failf(exitError, "start the node: %v", err)
	}
	if c.Bool("dev") {
		banner(w.stdout, node)
	}
	logs.Open()
	return serve(node, logger, signals, fatal)
}

// serve waits until the node has to stop, and stops it.
func serve(node *daemon.Daemon, logger hclog.Logger, signals <-chan os.Signal, fatal <-chan error) error {
	select {
	case s := <-signals:
		logger.Info("stopping; a second signal exits at once", "signal", s.String())
	case err := <-fatal:
		// Not even an orderly stop: what is in memory may be ahead of the disk.
		return failf(exitFailStop, "stopped: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- node.Close(ctx) }()
	select {
	case err := <-done:
		return closed(err)
	case <-signals:
		return failf(exitError, "stopped at once by a second signal")
	case err := <-fatal:
		return failf(exitFailStop, "stopped: %v", err)
	}
}

func closed(err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("stop the node: %w", err)
}

func newLogger(c config.Config, out io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: "limitd", Output: out,
		Level: hclog.LevelFromString(c.Log.Level), JSONFormat: c.Log.Format == "json",
	})
}

// banner tells a newcomer what runs, and three commands to go on with.
func banner(w io.Writer, node *daemon.Daemon) {
	api := "http://" + node.HTTPAddress()
	flag := ""
	if node.HTTPAddress() != defaultAddress {
		flag = " --address " + node.HTTPAddress()
	}
	fmt.Fprintf(w, `==> limitd %s, dev mode: one node, in memory. State is lost on exit. Not for production.
      Node: %s
       API: %s
   Metrics: %s/metrics
==> Try, in another terminal (limitd stands for "go run ./cmd/limitd" until it is installed):
      limitd limit create gpu --slots 2%s
      curl -s %s/v1/acquire -H 'Content-Type: application/json' -d '{"limits":[{"name":"gpu"}],"owner":{"name":"me"}}'
      limitd limit list%s
==> Logs:
`, version(), node.Name(), api, api, flag, api, flag)
}
