package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/limitd/limitd/cmd/limitd/backup"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func snapshotCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "snapshot", Usage: "back the cluster up, and put a backup back",
		Subcommands: []*cli.Command{saveCommand(w), restoreCommand(w), inspectCommand(w), endQuarantineCommand(w)},
	}
}

func saveCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "save", Usage: "write the whole state into a file", ArgsUsage: "FILE", Flags: apiFlags(),
		Description: "The file is read back and checked, and has its name only when it is whole: a file that was\nthere before is replaced then, or stays.",
		Action: func(c *cli.Context) error {
			p, path, err := fileCommand(c, w)
			if err != nil {
				return err
			}
			a := newAPI(c, w)
			contents, err := backup.Write(path, func(to io.Writer) error { return a.download(c.Context, "/v1/snapshot", to) })
			if err != nil {
				return snapshotFailure(err)
			}
			return p.show(single(describeContents(path, contents), func() error {
				return p.line("Saved %s: %s.", path, summary(contents))
			}))
		},
	}
}

func restoreCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "restore", Usage: "put a file's state in the place of the cluster's", ArgsUsage: "FILE",
		Description: "All that happened after the backup is forgotten, and the same cluster or a new one goes on\n" +
			"from it. Tokens go on far beyond those that were given. Holders that were granted slots\n" +
			"after the backup may be at work, and nobody knows of them: limits without decay grant\n" +
			"nothing until the longest of their leases must have ended, for 24h unless you know better.\n" +
			"Stop the cluster that the backup is of before, where it is another one.\n\n" +
			"limitd snapshot restore today.snapshot --longest-ttl 5m     no client asks for more than 5m\n" +
			"limitd snapshot restore today.snapshot --no-older-holders   none of them is at work any more\n" +
			"limitd snapshot end-quarantine                              the same, later",
		Flags: apiFlags(
			&cli.DurationFlag{Name: "longest-ttl", Usage: "no lease that was granted after the backup has a `TTL` above this (default: 24h, the most that any can have)"},
			&cli.BoolFlag{Name: "no-older-holders", Usage: "no holder of before the restore is at work: all limits grant at once"},
		),
		Action: func(c *cli.Context) error {
			p, path, err := fileCommand(c, w)
			if err != nil {
				return err
			}
			longest, err := longestTTL(c)
			if err != nil {
				return err
			}
			contents, err := backup.Read(path)
			if err != nil {
				return snapshotFailure(err)
			}
			a := newAPI(c, w)
			if err := a.upload(c.Context, "/v1/snapshot?longest_ttl="+longest.String(), path); err != nil {
				return err
			}
			return p.show(single(describeContents(path, contents), func() error { return sayRestored(p, contents, longest) }))
		},
	}
}

// longestTTL reads how long leases can run that are not in the backup.
func longestTTL(c *cli.Context) (time.Duration, error) {
	d := c.Duration("longest-ttl")
	switch {
	case c.Bool("no-older-holders") && c.IsSet("longest-ttl"):
		return 0, usagef(commandPath(c), "give either --longest-ttl or --no-older-holders")
	case c.Bool("no-older-holders"):
		return 0, nil
	case !c.IsSet("longest-ttl"):
		return wire.MaxTTL, nil
	case d <= 0 || d > wire.MaxTTL:
		return 0, usagef(commandPath(c), "--longest-ttl is %v; it takes more than 0s, and 24h at most; --no-older-holders says that there is none", d)
	}
	return d, nil
}

func sayRestored(p printer, c limit.Contents, longest time.Duration) error {
	if err := p.line("Restored %s.", summary(c)); err != nil || longest == 0 {
		return err
	}
	return p.line("Limits without decay grant nothing for %v, and the longest grace of a limit: holders from after\n"+
		"the backup may be at work. Where you know that none is: limitd snapshot end-quarantine", wire.Duration(longest))
}

func inspectCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "check a file, and tell what is in it; no node is asked", ArgsUsage: "FILE", Flags: outputFlags(),
		Description: "The newest change is the newest update of a limit, or grant that is held still, by the clock of the\n" +
			"node that led: the file was taken then or later. - means that it has neither limits nor leases. The\n" +
			"index is that of the last record of the log that it has; cluster time counts from when the cluster was made.",
		Action: func(c *cli.Context) error {
			p, path, err := fileCommand(c, w)
			if err != nil {
				return err
			}
			contents, err := backup.Read(path)
			if err != nil {
				return snapshotFailure(err)
			}
			return p.show(single(describeContents(path, contents), func() error { return p.fields(contentsFields(contents)...) }))
		},
	}
}

func endQuarantineCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "end-quarantine", Usage: "after a restore: say that no holder of before is at work, so that all limits grant again", Flags: apiFlags(),
		Description: "A holder of before that is at work all the same then works beside a new one. Where there is\nno quarantine nothing happens.",
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			if _, err := newAPI(c, w).call(c.Context, http.MethodDelete, "/v1/cluster/quarantine", nil); err != nil {
				return err
			}
			done := map[string]string{"quarantine": "ended"}
			return p.show(single(item{"ended", done, done}, func() error { return p.line("All limits grant again.") }))
		},
	}
}

// fileCommand returns the printer of a command that takes one file, and its path.
func fileCommand(c *cli.Context, w world) (printer, string, error) {
	p, err := newPrinter(c, w)
	if err == nil && c.NArg() != 1 {
		err = usagef(commandPath(c), "name one file")
	}
	if info, lost := os.Stat(c.Args().First()); err == nil && lost == nil && info.IsDir() {
		err = usagef(commandPath(c), "%s is a folder: name a file", c.Args().First())
	}
	return p, c.Args().First(), err
}

// snapshotFailure says what to do about a file that cannot be used.
func snapshotFailure(err error) error {
	f := failf(exitError, "%v", err)
	switch known := (*failure)(nil); {
	case errors.As(err, &known):
		return known
	case errors.Is(err, limit.ErrDamaged):
		f.hint = "Take another backup: this one cannot be restored."
	}
	return f
}

// contents is what is in a snapshot, as JSON and templates show it.
type contents struct {
	File       string         `json:"file"`
	ClusterID  string         `json:"cluster_id"`
	Index      uint64         `json:"index"`
	Term       uint64         `json:"term"`
	Time       wire.Duration  `json:"time"` // cluster time
	Newest     *time.Time     `json:"newest_change_at,omitempty"`
	Rules      uint64         `json:"rules"`
	Format     byte           `json:"format"`
	Token      uint64         `json:"newest_token"`
	Quarantine *wire.Duration `json:"quarantine,omitempty"`
	Limits     int            `json:"limits"`
	Holdings   int            `json:"holdings"`
	Leases     int            `json:"leases"`
	Waiters    int            `json:"waiters"`
	Remembered int            `json:"remembered_requests"`
	Bytes      int64          `json:"bytes"`
	SHA256     string         `json:"sha256"`
}

func describeContents(path string, c limit.Contents) item {
	d := contents{
		File: path, ClusterID: wire.UUID(c.ClusterID), Index: c.Index, Term: c.Term, Time: wire.Duration(c.Time), Rules: c.Rules,
		Format: c.Format, Token: c.Token, Limits: c.Counts.Limits, Holdings: c.Counts.Holdings, Leases: c.Counts.Leases,
		Waiters: c.Counts.Waiters, Remembered: c.Counts.Remembered, Bytes: c.Bytes, SHA256: fmt.Sprintf("%x", c.Sum),
	}
	if c.NewestWall != 0 {
		at := time.Unix(0, c.NewestWall).UTC()
		d.Newest = &at
	}
	if c.Quarantine > 0 {
		d.Quarantine = wire.Duration(c.Quarantine).Ptr()
	}
	return item{path, d, d}
}

func contentsFields(c limit.Contents) []string {
	newest := "-"
	if c.NewestWall != 0 {
		newest = time.Unix(0, c.NewestWall).UTC().Format(time.RFC3339)
	}
	fields := []string{
		"cluster id", wire.UUID(c.ClusterID),
		"index", strconv.FormatUint(c.Index, 10),
		"cluster time", time.Duration(c.Time).Round(time.Millisecond).String(),
		"newest change", newest,
		"limits", strconv.Itoa(c.Counts.Limits),
		"leases", strconv.Itoa(c.Counts.Leases),
		"waiters", strconv.Itoa(c.Counts.Waiters),
		"remembered requests", strconv.Itoa(c.Counts.Remembered),
		"newest token", strconv.FormatUint(c.Token, 10),
		"rules version", strconv.FormatUint(c.Rules, 10),
		"format", strconv.Itoa(int(c.Format)),
		"bytes", strconv.FormatInt(c.Bytes, 10),
		"sha256", fmt.Sprintf("%x", c.Sum),
	}
	if c.Quarantine > 0 {
		fields = append(fields, "quarantine", time.Duration(c.Quarantine).Round(time.Millisecond).String()+" more (a restore begins its own)")
	}
	return fields
}

// summary tells of a snapshot in half a line.
func summary(c limit.Contents) string {
	return fmt.Sprintf("%s of cluster %s at index %d, with %s, %s and %s", bytesText(c.Bytes), wire.UUID(c.ClusterID), c.Index,
		counted(c.Counts.Limits, "limit"), counted(c.Counts.Leases, "lease"), counted(c.Counts.Waiters, "waiter"))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func bytesText(n int64) string {
	const mib = 1 << 20
	if n >= mib {
		return fmt.Sprintf("%.1f MiB", float64(n)/mib)
	}
	return fmt.Sprintf("%d bytes", n)
}

// stream asks one node after the other until one begins to serve the request. A
// body that is under way is not sent again, nor what may have had an effect.
func (a *api) stream(ctx context.Context, request func(base string) (*http.Request, error), use func(*http.Response) error) error {
	if err := errors.Join(a.unfit, checkBases(a.bases)); err != nil {
		return err
	}
	var failed error
	for _, base := range a.bases {
		r, err := request(base)
		if err != nil {
			return err
		}
		a.authorize(r)
		r.Header.Set(wire.HeaderTimeout, a.timeout.String())
		response, err := a.client.Do(r.WithContext(ctx))
		if err == nil {
			err = answered(response, use)
		}
		if known := (*failure)(nil); err == nil || errors.As(err, &known) {
			return err
		}
		if !isHarmless(err) {
			return failureOf(err, base)
		}
		failed = errors.Join(failed, failureOf(err, base))
	}
	return failed
}

// answered uses a response that is no problem.
func answered(response *http.Response, use func(*http.Response) error) error {
	defer response.Body.Close()
	if response.StatusCode/100 == 2 {
		return use(response)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	return problemOf(response, body)
}

// isHarmless tells whether another node may be asked: this one did nothing.
func isHarmless(err error) bool {
	var p *wire.Problem
	if errors.As(err, &p) {
		return p.Effect == wire.EffectNone && p.Code.Info().Retry == wire.RetrySameID
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// download writes the answer of a GET to to.
func (a *api) download(ctx context.Context, path string, to io.Writer) error {
	get := func(base string) (*http.Request, error) {
		return http.NewRequest(http.MethodGet, base+path, http.NoBody)
	}
	return a.stream(ctx, get, func(r *http.Response) error {
		if _, err := io.Copy(to, r.Body); err != nil {
			return failf(exitError, "the snapshot broke off: %v", err)
		}
		return nil
	})
}

// upload sends a snapshot file by PUT.
func (a *api) upload(ctx context.Context, path, file string) error {
	put := func(base string) (*http.Request, error) {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		r, err := http.NewRequest(http.MethodPut, base+path, f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		r.ContentLength = info.Size()
		r.Header.Set("Content-Type", wire.TypeSnapshot)
		return r, nil
	}
	return a.stream(ctx, put, func(*http.Response) error { return nil })
}
