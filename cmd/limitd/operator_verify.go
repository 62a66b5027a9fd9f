package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func verifyCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "compare the state of all nodes, at one place of the log", Flags: apiFlags(),
		Description: "Every node takes the digest of its whole state at the same record. Nodes that applied the\n" +
			"same log have the same digest; one that differs must not serve. Exits with 1 where a node\n" +
			"differs, or did not answer.",
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			return verify(c.Context, newAPI(c, w), p)
		},
	}
}

// verify shows the digests, and tells what to do about those that differ.
func verify(ctx context.Context, a *api, p printer) error {
	raw, err := a.call(ctx, http.MethodPost, "/v1/cluster/verify", nil)
	v, err := read[wire.Verification](raw, err)
	if err != nil {
		return err
	}
	if err := p.show(verified(p, v, raw)); err != nil {
		return err
	}
	return judge(v)
}

// verified is what is shown of the digests, node by node.
func verified(p printer, v wire.Verification, raw any) result {
	names := slices.Sorted(maps.Keys(v.Digests))
	shown := result{whole: raw, people: func() error {
		var rows [][]string
		for _, name := range names {
			rows = append(rows, []string{name, v.Digests[name][:min(16, len(v.Digests[name]))], sameAs(v, name)})
		}
		for _, name := range v.Missing {
			rows = append(rows, []string{name, "-", "did not answer"})
		}
		return p.table([]string{"NODE", "DIGEST", fmt.Sprintf("AT INDEX %d", v.Index)}, rows)
	}}
	for _, name := range names {
		one := map[string]string{"node": name, "digest": v.Digests[name]}
		shown.items = append(shown.items, item{name, one, one})
	}
	return shown
}

// sameAs says whether a node is with the majority of those that answered.
func sameAs(v wire.Verification, name string) string {
	digest, most := majority(v.Digests)
	switch {
	case v.Equal:
		return "same"
	case !most:
		return "differs"
	case v.Digests[name] == digest:
		return "same as most"
	}
	return "DIFFERS"
}

// majority returns the digest that more than half of the nodes have; false: none.
func majority(digests map[string]string) (digest string, ok bool) {
	count := map[string]int{}
	for _, d := range digests {
		if count[d]++; 2*count[d] > len(digests) {
			return d, true
		}
	}
	return "", false
}

// judge returns what is wrong with the digests, and its mend.
func judge(v wire.Verification) error {
	digest, most := majority(v.Digests)
	var odd []string
	for name, d := range v.Digests {
		if d != digest {
			odd = append(odd, name)
		}
	}
	slices.Sort(odd)
	switch {
	case !v.Equal && most:
		f := failf(exitError, "the state of %s is not that of the other nodes", strings.Join(odd, ", "))
		f.hint = "Stop that node, keep a copy of its data_dir for a bug report, empty it, remove the member\n" +
			"(DELETE /v1/cluster/nodes/NAME) and start it again: it gets the state from the others."
		return f
	case !v.Equal:
		f := failf(exitError, "the nodes' states differ, and no state is that of most")
		f.hint = "Stop all writers, take a snapshot of each node's data_dir, and restore the newest backup that\n" +
			"you trust: limitd snapshot restore FILE."
		return f
	case len(v.Missing) > 0:
		f := failf(exitError, "%s did not answer; the nodes that did are equal", strings.Join(v.Missing, ", "))
		f.hint = "'limitd members' shows who is alive; verify again once they are back."
		return f
	}
	return nil
}
