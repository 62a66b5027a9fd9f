package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func membersCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "members", Usage: "show the nodes of the cluster", Flags: apiFlags(watchFlags()...),
		Action: func(c *cli.Context) error { return showing(c, w, askMembers) },
	}
}

func askMembers(ctx context.Context, a *api, p printer) (result, error) {
	raw, err := a.call(ctx, http.MethodGet, "/v1/cluster", nil)
	state, err := read[wire.Cluster](raw, err)
	if err != nil {
		return result{}, err
	}
	slices.SortFunc(state.Nodes, func(a, b wire.Node) int { return strings.Compare(a.Name, b.Name) })
	shown := result{whole: raw, people: func() error { return memberTable(p, state.Nodes) }, mark: withoutTimes}
	for i, label := range memberLabels(state.Nodes) {
		shown.items = append(shown.items, item{label, state.Nodes[i], state.Nodes[i]})
	}
	return shown, nil
}

func memberTable(p printer, nodes []wire.Node) error {
	if len(nodes) == 0 {
		return p.line("No members yet: the node that was asked waits for a cluster to form, or to be taken in; its log and its /readyz say what for.")
	}
	return p.table([]string{"NAME", "ROLE", "STATE", "ALIVE", "HTTP", "PEER", "APPLIED", "CONTACT", "VERSION"}, memberRows(nodes))
}

func memberRows(nodes []wire.Node) [][]string {
	var rows [][]string
	labels := memberLabels(nodes)
	for i, n := range nodes {
		contact := "-"
		if n.LastContact != nil {
			contact = time.Duration(*n.LastContact).Round(time.Millisecond).String()
		}
		rows = append(rows, []string{
			labels[i], n.Role, n.State, strconv.FormatBool(n.Alive), n.HTTP, n.Peer,
			strconv.FormatUint(n.AppliedIndex, 10), contact, n.Version,
		})
	}
	return rows
}

// memberLabels are the names of nodes, with the id where another has the same name, and
// the id alone where the name is not known.
func memberLabels(nodes []wire.Node) []string {
	known := make([]cluster.Node, len(nodes))
	for i, n := range nodes {
		known[i] = cluster.Node{ID: n.ID, Name: n.Name}
	}
	return cluster.Labels(known)
}

func leaveCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "leave", Usage: "take the addressed node out of the cluster for good", Flags: apiFlags(),
		Description: "limitd leave --address 127.0.0.1:7500\n\nThen stop the node. Started again, it joins again. Stopping a node (SIGTERM) does not\nneed this: it keeps its place and comes back.",
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			a := newAPI(c, w)
			if len(a.bases) != 1 {
				return usagef(commandPath(c), "give the one address of the node that leaves: --address HOST:PORT")
			}
			if _, err := a.call(c.Context, http.MethodPost, "/v1/cluster/leave", nil); err != nil {
				return err
			}
			done := map[string]string{"left": a.bases[0]}
			return p.show(single(item{a.bases[0], done, done}, func() error {
				return p.line("The node at %s has left the cluster; now stop it.", a.bases[0])
			}))
		},
	}
}
