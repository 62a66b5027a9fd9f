package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// Fault is one fault of a schedule: a plain value, so that a schedule can be
// printed, and made smaller.
type Fault struct {
	Kind string
	At   time.Duration // since the callers began
	For  time.Duration // until it is mended
	On   []int         // machines by number; 0 stands for who leads when it comes
	Size time.Duration // of what a fault has one: a delay, a step of a clock
	Rate float64       // likewise: a share of messages, a clock's rate
}

// String words the fault for people.
func (f Fault) String() string {
	var on []string
	for _, n := range f.On {
		on = append(on, fmt.Sprintf("n%d", n))
	}
	s := fmt.Sprintf("%-13s at %7.3fs for %6.3fs  %s", f.Kind, f.At.Seconds(), f.For.Seconds(), strings.Join(on, " "))
	s = strings.ReplaceAll(s, "n0", "leader")
	if f.Size != 0 {
		s += fmt.Sprintf(" by %v", f.Size)
	}
	if f.Rate != 0 {
		s += fmt.Sprintf(" rate %.4f", f.Rate)
	}
	return strings.TrimRight(s, " ")
}

// blow is a fault that is being injected.
type blow struct {
	*Cluster
	Fault
	ctx  context.Context // ends with its time, or with that of the callers
	on   []*node
	what string // more of what was done, for the history
}

// inject injects the plan's faults, each at its time, until ctx ends; then all
// is mended, and the channel returned is closed.
func (c *Cluster) inject(ctx context.Context) <-chan struct{} {
	var all sync.WaitGroup
	for _, f := range c.plan.Faults {
		all.Go(func() { c.strike(ctx, f) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		all.Wait()
		c.heal()
	}()
	return done
}

// strike injects one fault and mends it.
func (c *Cluster) strike(ctx context.Context, f Fault) {
	if !rest(ctx, f.At) {
		return
	}
	lasts, cancel := context.WithTimeout(ctx, f.For)
	defer cancel()
	b := &blow{Cluster: c, Fault: f, ctx: lasts, on: c.victims(ctx, f)}
	noted := history.Fault{Kind: f.Kind, On: names(b.on), From: c.record.Now()}
	mend, err := kindNamed(f.Kind).do(b)
	noted.What = strings.TrimSpace(f.String() + " " + b.what)
	if err != nil {
		noted.Error = err.Error()
		c.record.Fault(noted)
		return
	}
	c.count("fault " + f.Kind)
	<-lasts.Done()
	mend()
	noted.To = c.record.Now()
	c.record.Fault(noted)
}

// rest sleeps for d; false: ctx ended before.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// victims returns the machines that a fault is on.
func (c *Cluster) victims(ctx context.Context, f Fault) (list []*node) {
	for _, number := range f.On {
		n := (*node)(nil)
		if number > 0 {
			n = c.node(number)
		} else if n = c.operator.leader(ctx); n == nil {
			n = c.node(1) // nobody leads: any will do
		}
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func names(list []*node) string {
	var s []string
	for _, n := range list {
		s = append(s, n.name)
	}
	return strings.Join(s, " ")
}
