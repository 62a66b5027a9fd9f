package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/daemon"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/urfave/cli/v2"
)

// drainTime is how long a stopping node lets open calls end.
const drainTime = 10 * time.Second

func agentCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "agent", Usage: "run a node",
		ArgsUsage: "[-config FILE|DIR]...",
		Description: "A node for production:     limitd agent -config /etc/limitd\n" +
			"A node to try things with: limitd agent -dev\n" +
			"A cluster to try things with: limitd agent -dev-cluster 3\n\n" +
			"Flags win over LIMITD_ variables (--http-address: LIMITD_HTTP_ADDRESS), variables over files,\n" +
			"later files over earlier ones. config.hcl.example documents every key.",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "config", Usage: "`FILE` or folder of *.hcl files; may be repeated"},
			&cli.BoolFlag{Name: "dev", Usage: "one node, in memory, on loopback; not for production"},
			&cli.IntFlag{Name: "dev-cluster", DefaultText: "no cluster", Usage: "`N` nodes in this process, on loopback, with ports ten apart; what they know is lost on exit, unless there is a data-dir"},
		}, keyFlags()...),
		Action: func(c *cli.Context) error {
			if c.IsSet("dev-cluster") {
				return runDevCluster(c, w)
			}
			return runAgent(c, w)
		},
	}
}

func runAgent(c *cli.Context, w world) error {
	loaded := loadConfig(c, w)
	if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
		return silent(exitUsage)
	}
	signals, done := stopSignals()
	defer done()

	logs := &gate{to: w.stderr, open: !c.Bool("dev")}
	logger := newLogger(loaded.Config, logs)
	node, err := startNode(c.Context, loaded.Config, logger, failStop(w.stderr, logs))
	if err != nil {
		logs.Open()
		return failf(startCode(err), "start the node: %v", err)
	}
	if c.Bool("dev") {
		welcome(c.Context, w.stdout, node, loaded.Config.Prefect.Enabled)
	}
	logs.Open()
	if !c.Bool("dev") { // a terminal that is closed ends what was only tried
		defer reloadOnHangup(node)()
	}
	return serve(node, node.Retire, logger, signals)
}

// reloadOnHangup has the node read its certificates and keys again, and open its
// audit log anew, at each SIGHUP, until done is called. The node logs what comes of it.
func reloadOnHangup(node *daemon.Daemon) (done func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-hangups:
				node.Reload()
			case <-stop:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(stop)
		<-ended
	}
}

// stopSignals returns where the signals that stop an agent arrive, until done is called.
func stopSignals() (signals <-chan os.Signal, done func()) {
	arrive := make(chan os.Signal, 2)
	signal.Notify(arrive, syscall.SIGTERM, os.Interrupt)
	return arrive, func() { signal.Stop(arrive) }
}

func startNode(ctx context.Context, cfg config.Config, logger hclog.Logger, fatal func(error)) (*daemon.Daemon, error) {
	registry, err := daemon.NewRegistry()
	if err != nil {
		return nil, err
	}
	return daemon.Start(ctx, cfg, daemon.Deps{Logger: logger, Version: version(), Fatal: fatal, Registry: registry})
}

// startCode returns the exit code for a node that could not start: whoever
// starts nodes again need not do so over damaged files.
func startCode(err error) int {
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrWrite) {
		return exitFailStop
	}
	if errors.Is(err, daemon.ErrFiles) {
		return exitUsage
	}
	return exitError
}

// failStop returns what ends the process when the disk fails, or holds what only
// a newer version can read. There is no orderly stop: what is in memory may be
// ahead of what is on disk, and must answer nobody any more.
func failStop(stderr io.Writer, logs *gate) func(error) {
	return func(err error) {
		code := exitFailStop
		if errors.Is(err, limit.ErrNewer) || errors.Is(err, command.ErrUnknown) {
			code = exitNewer
		}
		logs.Open()
		os.Exit(report(stderr, failf(code, "stopped: %v", err)))
	}
}

// closer is a node, or several.
type closer interface {
	Close(ctx context.Context) error
}

// serve waits for a signal, gives callers the time to go elsewhere (retire), and stops
// the node. A signal meanwhile ends that time; one while the node stops ends it at once.
func serve(node closer, retire func(context.Context), logger hclog.Logger, signals <-chan os.Signal) error {
	s := <-signals
	if again := during(signals, retire); again != nil {
		s = again
	}
	logger.Info("stopping; a second signal exits at once", "signal", s.String())
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var err error
	if again := during(signals, func(context.Context) { err = node.Close(ctx) }); again != nil {
		return failf(exitError, "stopped at once by a second signal")
	}
	if err != nil {
		return failf(exitError, "stop: %v", err)
	}
	logger.Info("stopped")
	return nil
}

// during does something until it is done, or another signal comes, which it returns.
// Then do is left to itself, and its context is over. It is deaf at first: timeout(1)
// and shells send a signal twice.
func during(signals <-chan os.Signal, do func(context.Context)) os.Signal {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() { // joined below, or by the end of its context or of the process
		defer close(done)
		do(ctx)
	}()
	hear := time.NewTimer(sameSignal)
	defer hear.Stop()
	again := (<-chan os.Signal)(nil)
	for {
		select {
		case <-done:
			return nil
		case <-hear.C:
			again = drained(signals)
		case s := <-again:
			return s
		}
	}
}

// sameSignal is how long after the first a signal counts as the same one.
const sameSignal = 300 * time.Millisecond

// drained returns the channel without what waits in it.
func drained(signals <-chan os.Signal) <-chan os.Signal {
	for len(signals) > 0 {
		<-signals
	}
	return signals
}

// readyTime is how long the banner waits for a node to elect itself.
const readyTime = 5 * time.Second

// welcome prints the banner once the commands in it would work.
func welcome(ctx context.Context, w io.Writer, node *daemon.Daemon, prefect bool) {
	awaitReady(ctx, w, node)
	banner(w, node, prefect)
}

// awaitReady waits until a node, or several, can serve; after readyTime it says why not.
func awaitReady(ctx context.Context, w io.Writer, node interface{ WaitReady(context.Context) error }) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		fmt.Fprintf(w, "==> %v\n", err)
	}
}

// banner tells a newcomer what runs, and three commands to go on with.
func banner(w io.Writer, node *daemon.Daemon, prefect bool) {
	api := node.URL()
	fmt.Fprintf(w, `==> limitd %s, dev mode: one node, in memory. State is lost on exit. Not for production.
      Node: %s
       API: %s
   Metrics: %s/metrics
`, version(), node.Name(), api, api)
	if prefect {
		fmt.Fprintf(w, "   Prefect: PREFECT_API_URL=%s/api\n", api)
	}
	fmt.Fprintln(w, tryHere)
	if api != "http://"+defaultAddress {
		fmt.Fprintf(w, "      export LIMITD_ADDR=%s\n", strings.TrimPrefix(api, "http://"))
	}
	fmt.Fprint(w, `      limitd limit create gpu --slots 2
      limitd exec gpu -- sleep 30
      limitd top
==> Logs:
`)
}

const tryHere = `==> Try, in another terminal (limitd stands for "go run ./cmd/limitd" until it is installed):`
