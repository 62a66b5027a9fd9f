// Command prefect measures limitd beside a real Prefect server, on SQLite and on
// PostgreSQL, and beside a server that grants at once at no cost (package
// floor), all with Prefect's own client in the same programs (driver.py), and
// writes tables in markdown.
//
//	make bench-prefect                              # everything; about 25 minutes
//	make bench-prefect BENCHFLAGS=-quick            # a look; two minutes, most of them for starting servers
//	make bench-prefect BENCHFLAGS='-parts wire -systems floor,limitd'
//
// All systems run at the same time, with their data in a temporary folder; one
// of them is busy at a time, and they take turns. Everything shares the machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/limitd/limitd/tools/prefect/venv"
)

// trial is one run of this program.
type trial struct {
	limitd, store  string // the binary, and what its log is kept in
	cache, version string // of Prefect
	parts          []string
	entrants       []string // the systems
	size           size

	out     io.Writer
	dir     string // of all data
	started time.Time
	killed  time.Time // when holders or servers were
	head    header
	systems []*system
	db      *service // PostgreSQL; nil: none
	table   table
	aims    []aim
	notes   []string
}

// size is how much is measured.
type size struct {
	rounds int
	turn   time.Duration // of cycles and of pairs
	job    time.Duration // how long one is
	minute time.Duration // of the rates
}

func full() size {
	return size{rounds: 2, turn: 5 * time.Second, job: time.Second, minute: time.Minute}
}

func quick() size {
	return size{rounds: 1, turn: time.Second, job: time.Second / 10, minute: 5 * time.Second}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := parse(os.Args[1:])
	if err == nil {
		err = b.run(ctx)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "prefect:", err)
		stop()
		os.Exit(1)
	}
}

// part is one of the things that are measured.
type part struct {
	name string
	run  func(*trial, context.Context) error
	slow bool // not for a look
}

// allParts are the parts of a run, in their order. Leases of killed holders end
// while rates are measured.
func allParts() []part {
	return []part{
		{"cycles", (*trial).cycles, false},
		{"jobs", (*trial).jobs, false},
		{"kills", (*trial).killHolders, true},
		{"rates", (*trial).rates, false},
		{"kills", (*trial).kills, true},
		{"wire", (*trial).wire, false},
	}
}

func parse(args []string) (*trial, error) {
	b := &trial{out: os.Stdout, size: full()}
	f := flag.NewFlagSet("prefect", flag.ContinueOnError)
	f.StringVar(&b.limitd, "limitd", "bin/limitd", "the limitd binary")
	f.StringVar(&b.store, "store", "boltdb", "what limitd's nodes keep their log in: boltdb or wal")
	f.StringVar(&b.cache, "cache", venv.Cache(), "folder of the Python environments")
	f.StringVar(&b.version, "version", "3.8.8", "the version of Prefect, server and client")
	look := f.Bool("quick", false, "a look: short turns, and no part that waits for leases to end")
	f.Func("parts", "what is measured, of cycles,jobs,kills,rates,wire (default all)", listOf(&b.parts, "cycles", "jobs", "kills", "rates", "wire"))
	f.Func("systems", "who takes part, of floor,limitd,postgres,sqlite (default all)", listOf(&b.entrants, "floor", "limitd", "postgres", "sqlite"))
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if *look {
		b.size = quick()
	}
	if len(b.parts) == 0 {
		for _, p := range allParts() {
			if !(*look && p.slow) {
				b.parts = append(b.parts, p.name)
			}
		}
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("there are no arguments, %q was given", f.Arg(0))
	}
	return b, nil
}

// listOf reads names separated by commas into list, if it may have them.
func listOf(list *[]string, may ...string) func(string) error {
	return func(text string) error {
		*list = strings.Split(text, ",")
		for _, name := range *list {
			if !slices.Contains(may, name) {
				return fmt.Errorf("%q is none of %s", name, strings.Join(may, ", "))
			}
		}
		return nil
	}
}

func (b *trial) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "limitd-bench-prefect-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o711); err != nil { // another user's PostgreSQL is in it
		return err
	}
	defer b.close()
	if err := b.assemble(ctx); err != nil {
		return err
	}
	for _, p := range allParts() {
		if slices.Contains(b.parts, p.name) && ctx.Err() == nil {
			if wrong := p.run(b, ctx); wrong != nil {
				b.log("%s: %v", p.name, wrong)
				err = errors.Join(err, fmt.Errorf("%s: %w", p.name, wrong))
			}
		}
	}
	b.report() // what was measured is worth telling, whatever went wrong
	return err
}

// assemble starts all systems, and the callers of each.
func (b *trial) assemble(ctx context.Context) error {
	python, err := venv.Make(ctx, b.cache, b.version)
	if err != nil {
		return err
	}
	b.head = b.look()
	for _, e := range []struct {
		name  string
		start func() (*system, error)
	}{
		{"floor", func() (*system, error) { return startFloor(), nil }},
		{"limitd", func() (*system, error) { return startLimitd(ctx, b.limitd, b.folder("limitd"), b.store) }},
		{"postgres", func() (*system, error) { return b.prefectOnPostgres(ctx, python) }},
		{"sqlite", func() (*system, error) { return startPrefect(ctx, python, b.folder("sqlite"), "Prefect, SQLite", "") }},
	} {
		if len(b.entrants) > 0 && !slices.Contains(b.entrants, e.name) {
			continue
		}
		s, err := e.start()
		if err != nil {
			return err
		}
		if s != nil {
			b.systems = append(b.systems, s)
			b.log("%s runs", s.name)
		}
	}
	for i, s := range b.systems {
		if s.driver, err = startDriver(python, s.api(), b.folder(fmt.Sprint("callers", i))); err != nil {
			return err
		}
		b.table.columns = append(b.table.columns, s.name)
	}
	return nil
}

// prefectOnPostgres starts a PostgreSQL and a Prefect server on it, where there
// is a PostgreSQL.
func (b *trial) prefectOnPostgres(ctx context.Context, python venv.Python) (*system, error) {
	programs := postgres()
	if programs == "" {
		b.notes = append(b.notes, "Prefect on PostgreSQL is left out: there is no PostgreSQL here (Debian: `apt install postgresql`).")
		return nil, nil
	}
	database, db, err := startPostgres(ctx, programs, b.folder("postgres"))
	if err != nil {
		return nil, err
	}
	b.db, b.head.postgres = db, "; "+first(filepath.Join(programs, "postgres"), "--version")
	return startPrefect(ctx, python, b.folder("prefect"), onPostgres, database)
}

func (b *trial) folder(name string) string { return filepath.Join(b.dir, name) }

// close ends all that runs.
func (b *trial) close() {
	for _, s := range b.systems {
		if err := s.Close(); err != nil {
			b.log("%s: %v", s.name, err)
		}
	}
	if b.db != nil {
		b.db.kill()
	}
}

// turns has systems take turns, forth in one round and back in the next, so that
// what drifts hits all of them.
func (b *trial) turns(rounds int, systems []*system, turn func(*system) error) error {
	order := slices.Clone(systems)
	for range rounds {
		for _, s := range order {
			if err := turn(s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		slices.Reverse(order)
	}
	return nil
}

// note keeps what is told below the table.
func (b *trial) note(s *system, work, what string) {
	if what != "" {
		b.notes = append(b.notes, fmt.Sprintf("%s, %s: %s.", s.name, work, what))
	}
}

// log tells on stderr how far the run is.
func (b *trial) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
