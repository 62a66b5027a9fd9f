// Command prefect runs programs under real clients of Prefect, of several
// versions, against a cluster of three limitd processes whose leader is killed
// meanwhile, and prints a table of what it saw.
//
//	go run ./prefect -bin ../bin/limitd -versions 3.9.1,2.20.25
//	go run ./prefect -bin ../bin/limitd -versions all -table ../docs/prefect.md
//	go run ./prefect -only-environments -versions 3.9.1 # for jepsen
//
// Each version has a Python environment of its own, which is made where it is
// missing and kept in -cache. Where one cannot be made, because the package
// registry cannot be reached or for another reason, the command says so, and checks
// what it has.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"

	"github.com/limitd/limitd/tools/prefect/venv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "prefect:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run checks all versions. ok: nothing failed.
func run(ctx context.Context, args []string) (ok bool, err error) {
	flags := flag.NewFlagSet("prefect", flag.ContinueOnError)
	bin := flags.String("bin", "../bin/limitd", "the limitd to check")
	cache := flags.String("cache", venv.Cache(), "folder of the Python environments")
	versions := flags.String("versions", "3.9.1,2.20.25", "versions of Prefect, separated by commas; all: those of the documentation")
	examples := flags.String("examples", "../examples/prefect", "folder of the programs of Prefect's documentation")
	parallel := flags.Int("parallel", 2, "versions that are checked at a time")
	only := flags.Bool("only-environments", false, "make the environments, and check nothing; one that cannot be had is no error")
	flows := flags.Bool("flows", true, "check flows too, through real Prefect servers")
	page := flags.String("table", "", "page whose table gets a line for each version of which nothing failed")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	envs, left, err := environments(ctx, *cache, versionList(*versions))
	if err != nil {
		return false, err
	}
	if *only || len(envs) == 0 {
		fmt.Printf("environments: %d, left out: %d\n", len(envs), left)
		return true, nil
	}
	rows, err := checkAll(ctx, session{bin: *bin, examples: *examples, flows: *flows}, envs, *parallel, func(r row) error {
		if *page == "" || r.failed() {
			return nil
		}
		return writeLine(*page, r)
	})
	if err != nil {
		return false, err
	}
	ok = report(os.Stdout, rows)
	if left > 0 {
		fmt.Printf("left out: %d of %d versions\n", left, left+len(envs))
	}
	return ok, nil
}

// environments makes the environments of all versions, one after the other. left
// tells how many versions were left out.
func environments(ctx context.Context, cache string, versions []string) (envs []venv.Python, left int, err error) {
	for _, version := range versions {
		env, err := venv.Make(ctx, cache, version)
		switch {
		case errors.Is(err, venv.ErrCannot):
			fmt.Printf("Prefect %s is left out: %v\n", version, err)
			left++
		case err != nil:
			return nil, 0, err
		default:
			envs = append(envs, env)
		}
	}
	return envs, left, nil
}

// checkAll checks the versions of all environments, so many at a time, and calls
// done, once at a time, for each that was checked.
func checkAll(ctx context.Context, s session, envs []venv.Python, parallel int, done func(row) error) ([]row, error) {
	rows, errs := make([]row, len(envs)), make([]error, len(envs))
	places := make(chan struct{}, max(1, parallel))
	var group sync.WaitGroup
	var one sync.Mutex
	for i, env := range envs {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			mine := s
			mine.env = env
			r, err := checkVersion(ctx, mine)
			one.Lock()
			defer one.Unlock()
			if err == nil {
				err = done(r)
			}
			if rows[i] = r; err != nil {
				errs[i] = fmt.Errorf("prefect %s: %w", env.Version, err)
			}
		})
	}
	group.Wait()
	return rows, errors.Join(errs...)
}

// versionList reads -versions.
func versionList(text string) (list []string) {
	if text != "all" {
		return strings.Split(text, ",")
	}
	for _, r := range venv.Releases() {
		list = append(list, r.Version)
	}
	return list
}
