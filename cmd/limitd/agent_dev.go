package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/cmd/limitd/devcluster"
	"github.com/urfave/cli/v2"
)

// runDevCluster runs several nodes in this process.
func runDevCluster(c *cli.Context, w world) error {
	count := c.Int("dev-cluster")
	if c.Bool("dev") || count < devcluster.MinNodes || count > devcluster.MaxNodes {
		return usagef(commandPath(c), "--dev-cluster takes %d to %d nodes, and stands without --dev: --dev-cluster 3", devcluster.MinNodes, devcluster.MaxNodes)
	}
	loaded := loadConfig(c, w)
	if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
		return silent(exitUsage)
	}
	dir, remove, err := dataFolder(loaded.Config)
	if err != nil {
		return failf(exitError, "make a folder for the nodes: %v", err)
	}
	plan, err := devcluster.Plan(loaded.Config, count, dir)
	if err == nil {
		err = runPlan(c.Context, plan, loaded.Config, w)
	}
	if errors.Is(err, devcluster.ErrPlan) {
		err = usagef(commandPath(c), "%v", err)
	}
	if removed := remove(); removed != nil && err == nil {
		err = failf(exitError, "remove the nodes' folder: %v", removed)
	}
	return err
}

// dataFolder returns the folder that the configuration names; or a new one, with
// what removes it.
func dataFolder(c config.Config) (dir string, remove func() error, err error) {
	if c.DataDir != "" {
		return c.DataDir, func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp("", "limitd-dev-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// runPlan runs the nodes until a signal comes.
func runPlan(ctx context.Context, plan []config.Config, common config.Config, w world) error {
	signals, done := stopSignals()
	defer done()
	logs := &gate{to: w.stderr}
	logger := hclog.New(withoutDeadPeers(logOptions(common, logs)))
	nodes, err := devcluster.Start(ctx, plan, devcluster.Options{
		Logger: logger, Version: version(), Fatal: failStop(w.stderr, logs),
	})
	if err != nil {
		logs.Open()
		return failf(startCode(err), "start the nodes: %v", err)
	}
	awaitReady(ctx, w.stdout, nodes)
	clusterBanner(w.stdout, nodes.Nodes(), common.DataDir)
	logs.Open()
	ignoreTerminalStop()
	go nodes.Console(w.stdin, w.stdout) // ends with its input, or with the process
	return serve(nodes, func(context.Context) {}, logger, signals)
}

// withoutDeadPeers leaves out what raft says while a node is down: here somebody has
// stopped it, and wants to see what else happens.
func withoutDeadPeers(o *hclog.LoggerOptions) *hclog.LoggerOptions {
	thin := o.Exclude
	o.Exclude = func(l hclog.Level, message string, args ...any) bool {
		return ofDeadPeer(message) || thin(l, message, args...)
	}
	return o
}

// clusterBanner tells a newcomer what runs, and how to go on. dir is where the
// nodes keep what they know; "": nowhere for long.
func clusterBanner(w io.Writer, nodes []devcluster.Status, dir string) {
	kept := "State is lost on exit"
	if dir != "" {
		kept = "State is kept in " + dir
	}
	fmt.Fprintf(w, "==> limitd %s, dev cluster: %d nodes in one process. %s. Not for production.\n", version(), len(nodes), kept)
	var addresses []string
	for _, n := range nodes {
		fmt.Fprintf(w, "%10s: %s\n", n.Name, n.URL)
		addresses = append(addresses, strings.TrimPrefix(n.URL, "http://"))
	}
	fmt.Fprintf(w, tryHere+`
      export LIMITD_ADDR=%s
      limitd members
      limitd limit create gpu --slots 2
      limitd bench pairs --duration 20s
==> While that runs, type here, with Enter: %s. Ctrl-C ends all.
==> Logs:
`, strings.Join(addresses, ","), devcluster.ConsoleHelp)
}
