package forward

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster"
	"github.com/limitd/limitd/fsm/command"
)

// Under any faults a call has one effect at most, one that got an answer has
// one, and one that was told "nothing happened" has none, for ever.
func TestEffectsUnderFaults(t *testing.T) {
	seeds := uint64(30)
	if os.Getenv("LIMITD_LONG") != "" {
		seeds = 500
	}
	for seed := range seeds {
		inTrio(t, func(t *testing.T, c *trio) {
			x := &chaos{trio: c, chance: rand.New(rand.NewPCG(seed, 7)), outcomes: make(map[string]error)}
			for _, id := range []string{"n1", "n2", "n3"} {
				c.replicas[id].set(x.before, x.after)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var wait sync.WaitGroup
			wait.Go(func() { x.trouble(ctx) })
			var calls sync.WaitGroup
			for i := range 150 {
				calls.Go(func() { x.call(fmt.Sprint("id-", i)) })
			}
			calls.Wait()
			cancel()
			wait.Wait()
			c.log.setLeader("n1")
			for _, address := range []string{"at-n1", "at-n2", "at-n3"} {
				c.net.setDark(address, false)
			}
			<-time.After(10 * time.Second) // whatever is still on its way arrives
			synctest.Wait()
			x.check(t, seed)
		})
	}
}

type chaos struct {
	*trio

	mu       sync.Mutex
	chance   *rand.Rand       // guarded by mu
	outcomes map[string]error // guarded by mu
}

func (x *chaos) roll(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.chance.IntN(n)
}

func (x *chaos) before(string) error {
	<-time.After(time.Duration(x.roll(30)) * time.Millisecond)
	switch x.roll(10) {
	case 0:
		return cluster.ErrNotLeader
	case 1:
		return fmt.Errorf("%w: lost before the log", cluster.ErrOutcomeUnknown)
	}
	return nil
}

func (x *chaos) after(string) error {
	<-time.After(time.Duration(x.roll(30)) * time.Millisecond)
	if x.roll(10) == 0 {
		return fmt.Errorf("%w: lost after the log", cluster.ErrOutcomeUnknown)
	}
	return nil
}

// trouble changes leaders, breaks connections and silences nodes.
func (x *chaos) trouble(ctx context.Context) {
	for ctx.Err() == nil {
		<-time.After(time.Duration(20+x.roll(200)) * time.Millisecond)
		node := fmt.Sprint("n", 1+x.roll(3))
		switch x.roll(4) {
		case 0:
			x.log.setLeader(node)
		case 1:
			x.log.setLeader("")
		case 2:
			x.net.breakAll("at-" + node)
		case 3:
			x.net.setDark("at-"+node, x.roll(2) == 0)
		}
	}
}

func (x *chaos) call(id string) {
	<-time.After(time.Duration(x.roll(3000)) * time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(50+x.roll(3000))*time.Millisecond)
	defer cancel()
	a, err := x.nodes[fmt.Sprint("n", 1+x.roll(3))].Run(ctx, acquire(id), 0)
	if g, ok := a.Result.(*command.Granted); err == nil && (!ok || g.ID != id) {
		err = fmt.Errorf("an answer of another call: %+v", a.Result)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.outcomes[id] = err
}

func (x *chaos) check(t *testing.T, seed uint64) {
	answered := 0
	for id, err := range x.outcomes {
		effects := x.log.effectsOf(id)
		switch {
		case effects > 1:
			t.Errorf("seed %d: %s had %d effects", seed, id, effects)
		case err == nil && effects != 1:
			t.Errorf("seed %d: %s was granted without effect", seed, id)
		case errors.Is(err, ErrNoLeader) && effects != 0:
			t.Errorf("seed %d: %s was told that nothing happened, and %d did: %v", seed, id, effects, err)
		case err == nil:
			answered++
		case !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrOutcomeUnknown):
			t.Errorf("seed %d: %s: %v", seed, id, err)
		}
	}
	if answered < 20 {
		t.Errorf("seed %d: only %d of %d calls were answered", seed, answered, len(x.outcomes))
	}
}
