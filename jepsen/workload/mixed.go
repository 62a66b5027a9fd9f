package workload

import (
	"context"
	"slices"
)

// mixedWorkload is all of it at once.
func mixedWorkload() Workload {
	return Workload{
		Name: "mixed", What: "callers choose among all other workloads but the oversupply and patience, step by step",
		Setup: setup(slices.Concat(semaphoreLimits(), multiLimits(), leasesLimits(), rateLimits(), queueLimits(),
			retriesLimits(), adminLimits(), numberedLimits(), renewalsLimits())...),
		Run: func(ctx context.Context, e *Env) error {
			store := newResource(e.Record)
			steps := []step{
				semaphoreStep, multiStep, holderStep(ctx, store), rateStep, queueStep,
				retriesStep, operatorStep, governedStep, numberedStep, renewalsStep,
			}
			return crew(16, all(func(ctx context.Context, c *caller) { pick(c, steps...)(ctx, c) }))(ctx, e)
		},
	}
}
