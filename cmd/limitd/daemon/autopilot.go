package daemon

import (
	"context"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/transport/wire"
)

// autopilotOf returns what a leading replica does about the membership.
func autopilotOf(a config.Autopilot) cluster.Autopilot {
	return cluster.Autopilot{
		Stabilization: a.ServerStabilizationTime, LastContact: a.LastContactThreshold,
		Cleanup: a.CleanupDeadServers, DeadAfter: a.DeadServerLastContactThreshold, MinQuorum: int(a.MinQuorum),
	}
}

// SetRole makes the named node a voter or a nonvoter.
func (o *operations) SetRole(ctx context.Context, name, role string) error {
	return o.node.SetRole(ctx, name, cluster.Role(role))
}

// Autopilot returns how the leader sees the members, and what it does about them.
func (o *operations) Autopilot(ctx context.Context) (wire.Autopilot, error) {
	report, err := o.node.Autopilot(ctx)
	if err != nil {
		return wire.Autopilot{}, err
	}
	a := report.Settings
	out := wire.Autopilot{
		Settings: wire.AutopilotSettings{
			CleanupDeadServers: a.Cleanup, DeadServerLastContactThreshold: wire.Duration(a.DeadAfter),
			LastContactThreshold: wire.Duration(a.LastContact), MinQuorum: a.MinQuorum,
			ServerStabilizationTime: wire.Duration(a.Stabilization),
		},
		Healthy: true, Voters: report.Voters, FailureTolerance: report.Tolerance,
	}
	for _, h := range report.Members {
		out.Healthy = out.Healthy && h.Healthy
		out.Nodes = append(out.Nodes, wire.NodeHealth{
			ID: h.ID, Name: h.Name, Peer: h.Peer, Role: string(h.Role), Leader: h.Leader, Healthy: h.Healthy, Reason: h.Why,
			StableFor: wire.Duration(h.Stable), SilentFor: wire.Duration(h.Silent), Behind: h.Behind, Plan: h.Plan,
		})
	}
	for _, k := range report.Outside {
		out.Outside = append(out.Outside, wire.Outsider{ID: k.ID, Name: k.Name, Peer: k.Peer, Reason: k.Why})
	}
	return out, nil
}
