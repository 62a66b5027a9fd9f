package workload

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Prefect is the name of the workload with programs under Prefect's client. It is
// not among All: it takes a Python with that client.
const Prefect = "prefect"

// The limits of these programs, which nobody else asks for: their client tells
// neither tokens nor indexes, so that others' answers could not be judged.
const (
	PrefectSlots = "pf" // of slots that are held
	PrefectRate  = "pr" // of tokens
)

// WithPrefect is the workload of that name: programs that run starts, which
// returns when they have ended, beside callers of the semaphore.
func WithPrefect(run func(context.Context, *Env) error) Workload {
	return Workload{
		Name: Prefect, What: "programs under Prefect's own client hold slots and take tokens of a rate, beside callers of the semaphore",
		Setup: func(ctx context.Context, e *Env) error {
			if err := setup(semaphoreLimits()...)(ctx, e); err != nil {
				return err
			}
			one := *e
			one.Lanes = 1 // all programs are at the same limits
			return setup(plain(PrefectSlots, 2), decaying(PrefectRate, 5, 5, time.Second))(ctx, &one)
		},
		Run: func(ctx context.Context, e *Env) error {
			var programs, callers error
			together(
				func() { programs = run(ctx, e) },
				func() { callers = crew(3, all(semaphoreStep))(ctx, e) },
			)
			if programs != nil {
				programs = fmt.Errorf("programs under Prefect's client: %w", programs)
			}
			return errors.Join(programs, callers)
		},
	}
}
