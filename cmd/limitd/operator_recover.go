package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cluster/store"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func raftRecover(w world) *cli.Command {
	return &cli.Command{
		Name: "recover", Usage: "let a stopped node go on alone, where most voters are lost for good", ArgsUsage: "[-config FILE|DIR]...",
		Description: "limitd operator raft recover -config /etc/limitd\n\n" +
			"Run it on the machine of the node, as the user that the node runs as. The node becomes the only\n" +
			"voter of a cluster with a new id, with all limits and leases that it knows of; nodes of before\n" +
			"are strangers to it. Start it then, empty the data folders of the others, and start those.\n" +
			"docs/operations.md has the whole of it. Without --yes it shows what there is, and asks.",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "config", Usage: "`FILE` or folder of *.hcl files, as the agent gets; may be repeated"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
		}, slices.DeleteFunc(keyFlags(), func(f cli.Flag) bool {
			return !slices.Contains([]string{"data-dir", "raft-log-store"}, f.Names()[0])
		})...),
		Action: func(c *cli.Context) error {
			loaded := loadConfig(c, w)
			if wrong, err := loaded.Report(w.stderr, 0); wrong || err != nil {
				return silent(exitUsage)
			}
			return recoverNode(c, w, loaded.Config)
		},
	}
}

// recoverNode looks at what a data folder holds, has it confirmed, and makes the
// node a cluster of its own.
func recoverNode(c *cli.Context, w world, cfg config.Config) error {
	p := printer{out: w.stdout}
	stores, err := openStopped(cfg)
	if err != nil {
		return err
	}
	defer stores.Close()
	before, err := cluster.Inspect(stores, hclog.NewNullLogger())
	if err != nil {
		return failf(startCode(err), "read the data folder: %v", err)
	}
	if err := showRemains(p, cfg.DataDir, before); err != nil {
		return err
	}
	if at := alive(c.Context, before); at != "" {
		f := failf(exitError, "%s answers: a node runs there, or something else", at)
		f.hint = "Where a majority of the voters can be started, start them: nothing is lost then. Else stop what runs there first, and empty its data folder before it is started again."
		return f
	}
	if !c.Bool("yes") {
		if !isTerminal(w.stdin) {
			return usagef(commandPath(c), "nobody can be asked whether the others are lost for good: say --yes")
		}
		if !confirm(w, "Are the other voters lost for good? What they alone knew will be gone.") {
			return failf(exitError, "nothing was changed")
		}
	}
	after, err := cluster.Recover(stores, cfg.Peer.Address, rand.Reader, hclog.NewNullLogger())
	if err != nil {
		return failf(startCode(err), "recover the node: %v", err)
	}
	return p.line("The node is the only voter of cluster %s now. Start it no sooner than all holders of before have\n"+
		"stopped: %v after the last of the lost voters ended, where leases have no longer TTL than here.\n"+
		"Then start the others with empty data folders, bootstrap_expect = 0, and this node in retry_join.",
		wire.UUID(after.ClusterID), longest(after))
}

// longest is how long a holder of before may be at work.
func longest(r cluster.Remains) time.Duration { return max(r.LongestTTL, time.Minute) }

// openStopped opens the data folder of a node that does not run.
func openStopped(cfg config.Config) (*store.Stores, error) {
	lived, err := store.HasNode(cfg.DataDir)
	if err != nil {
		return nil, failf(exitError, "look into the data folder: %v", err)
	}
	if !lived {
		return nil, failf(exitNotFound, "no node has lived in %s: is that its data_dir, on this machine?", cfg.DataDir)
	}
	stores, err := store.Open(cfg.DataDir, store.Options{Kind: store.Kind(cfg.Raft.LogStore), Rand: rand.Reader, Logger: hclog.NewNullLogger()})
	if err == nil {
		return stores, nil
	}
	f := failf(startCode(err), "open the data folder: %v", err)
	switch {
	case errors.Is(err, store.ErrHalfRestored):
		f.hint = "Its state is a backup that the others may not have. Restore that backup into a new cluster instead."
	case strings.Contains(err.Error(), "another process"):
		f.hint = "Stop the node first."
	}
	return nil, f
}

// showRemains tells what a node has.
func showRemains(p printer, dir string, r cluster.Remains) error {
	if err := p.fields("Data folder", dir, "Node", r.NodeID, "Cluster", wire.UUID(r.ClusterID),
		"Last entry", fmt.Sprintf("%d of term %d", r.Index, r.Term),
		"State", fmt.Sprintf("%d limits, %d leases, %d waiters", r.Limits, r.Leases, r.Waiters)); err != nil {
		return err
	}
	var rows [][]string
	for _, m := range r.Members {
		who := ""
		if m.ID == r.NodeID {
			who = "this node"
		}
		rows = append(rows, []string{m.ID, m.Peer, string(m.Role), who})
	}
	return p.table([]string{"MEMBER", "PEER", "ROLE", ""}, rows)
}

// alive returns the address of another member at which somebody listens; "" none.
func alive(ctx context.Context, r cluster.Remains) string {
	d := net.Dialer{Timeout: time.Second}
	for _, m := range r.Members {
		if m.ID == r.NodeID {
			continue
		}
		if conn, err := d.DialContext(ctx, "tcp", m.Peer); err == nil {
			_ = conn.Close()
			return m.Peer
		}
	}
	return ""
}
