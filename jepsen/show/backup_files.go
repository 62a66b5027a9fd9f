package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/jepsen/nodes"
	"github.com/limitd/limitd/transport/wire"
)

// retained is how many scheduled snapshots a node keeps.
const retained = 2

// dressBackup has each node take snapshots by schedule into one folder, in which
// old ones of each lie already, and a file of somebody else.
func dressBackup(s *stage, cfg *nodes.Config) error {
	dir := filepath.Join(s.dir, "scheduled")
	cfg.Extra += fmt.Sprintf("snapshot {\n  directory = %q\n  interval = \"1m\"\n  retain = %d\n}\n", dir, retained)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	names := []string{"notes.txt"}
	for _, node := range []string{"n1", "n2", "n3"} {
		for year := 2001; year <= 2001+retained; year++ {
			names = append(names, fmt.Sprintf("%s-%d0101T000000.000Z.snapshot", node, year))
		}
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			return fmt.Errorf("write an old file: %w", err)
		}
	}
	return nil
}

// scheduled checks what the nodes have put into the folder: whole files, no more
// of each node than are retained, and nothing of anybody else is gone. At full
// length it waits until every file is new.
func (a *archive) scheduled(ctx context.Context) error {
	dir := filepath.Join(a.dir, "scheduled")
	fresh := 1
	if a.whole() {
		fresh = retained
	}
	waiting, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		list, err := keptBy(dir, fresh)
		if err == nil {
			return a.inspectAll(ctx, dir, list)
		}
		if !wait(waiting, 100*time.Millisecond) {
			return err
		}
	}
}

// keptBy returns the new snapshots of all nodes in a folder. It is an error where
// a node has not as many new ones, or more in all than it retains.
func keptBy(dir string, fresh int) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "notes.txt" }) {
		return nil, errors.New("a file of somebody else was removed")
	}
	for _, node := range []string{"n1", "n2", "n3"} {
		all, recent := 0, 0
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), node+"-") {
				continue
			}
			all++
			if !strings.HasPrefix(e.Name(), node+"-200") {
				recent++
				list = append(list, e.Name())
			}
		}
		if all != retained || recent < fresh {
			return nil, fmt.Errorf("%s keeps %d scheduled snapshots, %d of them new", node, all, recent)
		}
	}
	return list, nil
}

func (a *archive) inspectAll(ctx context.Context, dir string, list []string) error {
	for _, name := range list {
		if _, err := a.command(ctx, "snapshot", "inspect", filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	fmt.Printf("   %d scheduled snapshots, each whole; every node keeps %d, and nothing of others is gone\n", len(list), retained)
	return nil
}

// refuse offers damaged files, to the command and to the API: they are refused
// with the reason, and all is as it was.
func (a *archive) refuse(ctx context.Context) error {
	good, err := os.ReadFile(a.file)
	if err != nil {
		return err
	}
	flipped := slices.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, bad := range map[string][]byte{"flipped": flipped, "short": good[:len(good)-len(good)/3], "empty": nil, "text": []byte("limit db 5\n")} {
		file := filepath.Join(a.dir, name+".snapshot")
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			return err
		}
		said, err := a.command(ctx, "snapshot", "restore", file, "--no-older-holders")
		if err == nil || !strings.Contains(said, "damaged") {
			return fmt.Errorf("restored a damaged file (%s): %s", name, said)
		}
		answer, err := a.first.Send(ctx, http.MethodPut, "/v1/snapshot?longest_ttl=0s", wire.TypeSnapshot, bad)
		if err != nil || answer.Status != http.StatusBadRequest {
			return fmt.Errorf("the API was sent a damaged file (%s): %d %s %w", name, answer.Status, answer.Body, err)
		}
		if name == "flipped" {
			quote(said)
		}
	}
	if err := a.older.Renew(ctx); err != nil {
		return fmt.Errorf("a refused restore has changed something: %w", err)
	}
	for _, name := range []string{"probe", "shared", "kept", "api"} {
		if _, err := a.first.Must(ctx, http.MethodGet, "/v1/limits/"+name, nil, nil); err != nil {
			return fmt.Errorf("a refused restore has changed something: %w", err)
		}
	}
	fmt.Println("   four damaged files refused, by the command and by the API; every limit and lease is there still")
	return nil
}

// verify compares the nodes of a cluster by the command.
func (a *archive) verify(ctx context.Context, c *nodes.Cluster) error {
	out, err := a.command(ctx, "operator", "verify", "--address", c.Nodes()[0].URL())
	if err != nil {
		return err
	}
	quote(out)
	if same := strings.Count(out, " same\n"); same != len(c.Nodes()) {
		return fmt.Errorf("%d of %d nodes have the same state", same, len(c.Nodes()))
	}
	return nil
}

// elsewhere ends the cluster for good and restores the backup into a new one of
// other nodes.
func (a *archive) elsewhere(ctx context.Context) error {
	for _, n := range a.cluster.Nodes() {
		if err := a.cluster.Stop(n); err != nil {
			return err
		}
	}
	c, err := nodes.Start(nodes.Config{Binary: a.binary, Dir: a.dir})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	other := &stage{cluster: c, dir: a.dir, builds: builds{binary: a.binary}}
	if _, err := other.founders("m", 3, 3); err != nil {
		return err
	}
	if err := started(ctx, c); err != nil {
		return err
	}
	first := c.Nodes()[0]
	if err := a.show(ctx, "snapshot", "restore", a.file, "--longest-ttl", "1s", "--address", first.URL()); err != nil {
		return err
	}
	for _, name := range []string{"probe", "shared", "kept", "api"} {
		if _, err := first.Must(ctx, http.MethodGet, "/v1/limits/"+name, nil, nil); err != nil {
			return err
		}
	}
	var r wire.Renewed
	if _, err := c.Nodes()[1].Must(ctx, http.MethodPost, "/v1/renew", wire.RenewRequest{Tokens: []uint64{a.older.Token()}}, &r); err != nil {
		return err
	}
	if len(r.Leases) != 1 || r.Leases[0].State != wire.LeaseHeld {
		return fmt.Errorf("the lease of the backup in the new cluster: %+v", r)
	}
	for _, n := range c.Nodes() {
		tries := 0
		again := func() error {
			tries++
			return pair(ctx, n, fmt.Sprintf("new-%s-%d", n.Name, tries))
		}
		if err := soon(ctx, again); err != nil {
			return err
		}
	}
	fmt.Println("   a new cluster of other nodes has the limits, and the lease of the backup is renewed there")
	return a.verify(ctx, c)
}
