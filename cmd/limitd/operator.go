package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func operatorCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "operator", Usage: "look after the cluster",
		Subcommands: []*cli.Command{{
			Name: "raft", Usage: "who is a member, who has a vote, who leads",
			Subcommands: []*cli.Command{
				raftListPeers(w), raftAutopilot(w), raftTransfer(w), raftRemovePeer(w),
				raftSetRole(w, "promote", wire.RoleVoter, "give a node a vote"),
				raftSetRole(w, "demote", wire.RoleNonvoter, "take a node's vote away"),
				raftRecover(w),
			},
		}, verifyCommand(w)},
	}
}

func raftListPeers(w world) *cli.Command {
	return &cli.Command{
		Name: "list-peers", Usage: "show the members as the addressed node knows them", Flags: apiFlags(watchFlags()...),
		Description: "limitd operator raft list-peers\n\nAlso answered where there is no leader. A node that has been gone since the addressed\none started has no name: its id or address stands for it.",
		Action:      func(c *cli.Context) error { return showing(c, w, askPeers) },
	}
}

func askPeers(ctx context.Context, a *api, p printer) (result, error) {
	shown, err := askMembers(ctx, a, p)
	if err != nil || len(shown.items) == 0 {
		return shown, err
	}
	shown.people = func() error {
		var rows [][]string
		for _, it := range shown.items {
			n := it.value.(wire.Node)
			contact := "-"
			if n.LastContact != nil {
				contact = time.Duration(*n.LastContact).Round(time.Millisecond).String()
			}
			rows = append(rows, []string{cmp.Or(n.Name, "-"), n.ID, n.Peer, n.Role, n.State, strconv.FormatUint(n.AppliedIndex, 10), contact})
		}
		return p.table([]string{"NAME", "ID", "PEER", "ROLE", "STATE", "APPLIED", "CONTACT"}, rows)
	}
	return shown, nil
}

func raftAutopilot(w world) *cli.Command {
	return &cli.Command{
		Name: "autopilot", Usage: "show how the leader sees the members, and what it does about them", Flags: apiFlags(watchFlags()...),
		Description: "limitd operator raft autopilot\n\nWho is healthy, or why not; what the leader is going to do by itself; which nodes it does\nnot take in, and why. Its settings stand in the block autopilot of its configuration.",
		Action:      func(c *cli.Context) error { return showing(c, w, askAutopilot) },
	}
}

func askAutopilot(ctx context.Context, a *api, p printer) (result, error) {
	raw, err := a.call(ctx, http.MethodGet, "/v1/cluster/autopilot", nil)
	pilot, err := read[wire.Autopilot](raw, err)
	if err != nil {
		return result{}, err
	}
	slices.SortFunc(pilot.Nodes, func(a, b wire.NodeHealth) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	shown := result{whole: raw, people: func() error { return autopilotTable(p, pilot) }}
	shown.mark = func(it item) (string, error) { // how long is no news
		n := it.value.(wire.NodeHealth)
		return compact([]any{n.ID, n.Name, n.Peer, n.Role, n.Leader, n.Healthy})
	}
	for i, label := range healthLabels(pilot.Nodes) {
		shown.items = append(shown.items, item{label, pilot.Nodes[i], pilot.Nodes[i]})
	}
	return shown, nil
}

func autopilotTable(p printer, a wire.Autopilot) error {
	if err := p.line("%d voters, of which %d may be lost. %s", a.Voters, a.FailureTolerance, settingsText(a.Settings)); err != nil {
		return err
	}
	var rows [][]string
	labels := healthLabels(a.Nodes)
	for i, n := range a.Nodes {
		role, state := n.Role, "healthy for "+time.Duration(n.StableFor).Round(time.Second).String()
		if n.Leader {
			role = "leader"
		}
		if !n.Healthy {
			state = n.Reason
		}
		rows = append(rows, []string{labels[i], role, strconv.FormatUint(n.Behind, 10), state, cmp.Or(n.Plan, "-")})
	}
	if err := p.table([]string{"NODE", "ROLE", "BEHIND", "STATE", "NEXT"}, rows); err != nil {
		return err
	}
	for _, o := range a.Outside {
		if err := p.line("Outside: %s (%s at %s): %s.", o.Name, o.ID, o.Peer, cmp.Or(o.Reason, "about to be taken in")); err != nil {
			return err
		}
	}
	return nil
}

func healthLabels(nodes []wire.NodeHealth) []string {
	known := make([]wire.Node, len(nodes))
	for i, n := range nodes {
		known[i] = wire.Node{ID: n.ID, Name: n.Name}
	}
	return memberLabels(known)
}

func settingsText(s wire.AutopilotSettings) string {
	text := "New nodes vote after " + time.Duration(s.ServerStabilizationTime).String() + " of health. "
	if !s.CleanupDeadServers {
		return text + "Nobody is removed but by an operator."
	}
	return text + "The dead are removed after " + time.Duration(s.DeadServerLastContactThreshold).String() +
		", down to " + strconv.Itoa(s.MinQuorum) + " voters."
}

func raftTransfer(w world) *cli.Command {
	return &cli.Command{
		Name: "transfer-leadership", Usage: "have the leader hand over", ArgsUsage: "[NODE]", Flags: apiFlags(),
		Description: "limitd operator raft transfer-leadership n2\n\nWithout a node, the one takes over that has the most entries. No call fails meanwhile.",
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef(commandPath(c), "give one node, or none")
			}
			body := wire.TransferRequest{To: c.Args().First()}
			return change(c, w, http.MethodPost, "/v1/cluster/transfer", body, func(node string) string {
				return cmp.Or(node, "Another node") + " leads now."
			})
		},
	}
}

func raftRemovePeer(w world) *cli.Command {
	return &cli.Command{
		Name: "remove-peer", Usage: "take a node out of the cluster", ArgsUsage: "NODE", Flags: apiFlags(),
		Description: "limitd operator raft remove-peer n3\n\nNODE is a name, an id or a peer address. It is refused where too few of the voters that are\nleft would answer. A node that is removed and started anew joins again.",
		Action: func(c *cli.Context) error {
			path, err := nodePath(c)
			if err != nil {
				return err
			}
			return change(c, w, http.MethodDelete, path, nil, func(node string) string { return node + " is no member any more." })
		},
	}
}

func raftSetRole(w world, name, role, usage string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "NODE", Flags: apiFlags(),
		Description: "limitd operator raft " + name + " n4\n\nNODE is a name, an id or a peer address. A node whose configuration says role = \"nonvoter\" is\npromoted by an operator alone, and demoted again; one that says \"voter\" gets its vote by itself.",
		Action: func(c *cli.Context) error {
			path, err := nodePath(c)
			if err != nil {
				return err
			}
			return change(c, w, http.MethodPatch, path, wire.RoleRequest{Role: role}, func(node string) string { return node + " is a " + role + " now." })
		},
	}
}

// nodePath is the resource of the one node that a command line names.
func nodePath(c *cli.Context) (string, error) {
	if c.NArg() != 1 {
		return "", usagef(commandPath(c), "give one node: its name, id or peer address; 'limitd operator raft list-peers' shows them")
	}
	return "/v1/cluster/nodes/" + url.PathEscape(c.Args().First()), nil
}

// change has the cluster make a change about the node that the command line
// names, and tells of it.
func change(c *cli.Context, w world, method, path string, body any, done func(node string) string) error {
	p, err := newPrinter(c, w)
	if err != nil {
		return err
	}
	if _, err := newAPI(c, w).call(c.Context, method, path, body); err != nil {
		return err
	}
	node := c.Args().First()
	what := map[string]string{"done": c.Command.Name, "node": node}
	return p.show(single(item{node, what, what}, func() error { return p.line("%s", done(node)) }))
}
