package main

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func leaseRelease(w world) *cli.Command {
	return &cli.Command{
		Name: "release", Usage: "release leases in their holders' stead", ArgsUsage: "TOKEN... | --limit NAME ...",
		Description: "limitd lease release 812\nlimitd lease release --owner etl --older-than 1h --yes\n\n" +
			"The slots are free at once. Holders are not asked: they learn of it at their next renewal, a third of\n" +
			"the TTL later, and may be at work until then. Asks first on a terminal; elsewhere --yes is needed.",
		Flags: apiFlags(append(leaseFilterFlags(), &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"})...),
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			a := newAPI(c, w)
			leases, err := leasesToRelease(c, a)
			if err != nil {
				return err
			}
			if err := confirmRelease(c, w, leases); err != nil {
				return err
			}
			released, err := releaseAll(c, a, leases)
			if shown := p.show(releasedResult(p, released)); shown != nil && err == nil {
				err = shown
			}
			return err
		},
	}
}

// leasesToRelease finds the leases that a command line names, all of which must
// be there, or selects.
func leasesToRelease(c *cli.Context, a *api) ([]wire.Lease, error) {
	filter, err := leaseFilter(c)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Args().Present() && len(filter) > 0:
		return nil, usagef(commandPath(c), "give tokens, or --limit, --owner, --older-than, not both")
	case len(filter) > 0:
		leases, _, err := askLeases(c.Context, a, filter)
		return leases, err
	case !c.Args().Present():
		return nil, usagef(commandPath(c), "say which leases: their tokens, or --limit, --owner, --older-than")
	}
	var leases []wire.Lease
	for _, text := range c.Args().Slice() {
		token, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, usagef(commandPath(c), "%q is no token: 'limitd lease list' shows them", text)
		}
		l, _, err := getLease(c.Context, a, token)
		if err != nil {
			return nil, err
		}
		leases = append(leases, l)
	}
	return leases, nil
}

// confirmRelease asks the person at the terminal.
func confirmRelease(c *cli.Context, w world, leases []wire.Lease) error {
	if c.Bool("yes") || len(leases) == 0 {
		return nil
	}
	if !isTerminal(w.stdin) {
		return usagef(commandPath(c), "nobody can be asked whether to release in the holders' stead: say --yes")
	}
	if err := leaseTable(printer{out: w.stderr}, leases); err != nil {
		return err
	}
	if !confirm(w, fmt.Sprintf("Release %s? The holders are not asked, and may be at work.", leaseCount(len(leases)))) {
		return failf(exitError, "nothing was released")
	}
	return nil
}

func leaseCount(n int) string {
	if n == 1 {
		return "1 lease"
	}
	return fmt.Sprintf("%d leases", n)
}

// releaseAll releases the leases, and returns those that were still there.
func releaseAll(c *cli.Context, a *api, leases []wire.Lease) (released []wire.Lease, err error) {
	for _, l := range leases {
		_, err := a.call(c.Context, http.MethodDelete, "/v1/leases/"+leaseName(l), nil)
		switch {
		case isNotFound(err): // it ended by itself meanwhile
		case err != nil:
			return released, err
		default:
			released = append(released, l)
		}
	}
	return released, nil
}

func releasedResult(p printer, leases []wire.Lease) result {
	items := make([]item, len(leases))
	for i, l := range leases {
		items[i] = item{name: leaseName(l), value: l, json: l}
	}
	return result{
		whole: map[string]any{"released": append([]wire.Lease{}, leases...)}, items: items,
		people: func() error {
			for _, l := range leases {
				if err := p.line("Released lease %d%s: %s.", l.Token, ofOwner(l.Owner), grantText(l.Limits)); err != nil {
					return err
				}
			}
			if len(leases) == 0 {
				return p.line("There was no such lease.")
			}
			return nil
		},
	}
}
