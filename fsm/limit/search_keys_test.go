package limit_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// TestSearchKeys walks at random through each scope with a state machine that
// lives on, and asks at each step that what it came to has a key to which the
// search would have gone from the key before: a key holds all that matters.
// Now and then it holds the indexes of the living state against those of a
// restored one.
func TestSearchKeys(t *testing.T) {
	for _, s := range scopes(slower == 1) {
		t.Run(s.name, func(t *testing.T) {
			for seed := range *searchWalks {
				newWalk(t, &s, seed).run(t, 150)
			}
		})
	}
}

// walk is one random walk.
type walk struct {
	*search
	dice  *rand.Rand
	alive *limit.State
	scene limit.Scene
	index uint64
}

func newWalk(t *testing.T, s *scope, seed uint64) *walk {
	r := newSearch(t, s)
	return &walk{search: r, dice: rand.New(rand.NewPCG(seed, 1)), alive: r.base.real, index: r.base.index}
}

func (k *walk) run(t *testing.T, steps int) {
	var moves []move
	for n := range steps {
		k.alive.Scene(&k.scene)
		key := k.key(nil, &k.scene)
		moves = k.moves(moves[:0], &k.scene)
		m := moves[k.dice.IntN(len(moves))]
		if m.kind == moveExpire || m.kind == moveLapse || m.kind == moveDeadline {
			continue // which the search makes by setting times
		}
		if first, waits := earliest(&k.scene); m.kind == moveTick && k.timed == 0 && waits && first+k.alive.Settings().Patience <= k.scene.Now+moment {
			m.kind = movePatience // which has its own move in the search
		}
		successors, err := k.successors(key, m)
		if err != nil {
			t.Fatalf("step %d: %v: %v\n%s", n, m, err, k.text(&k.scene))
		}
		k.live(m)
		before := k.text(&k.scene)
		k.alive.Scene(&k.scene)
		if after := k.key(nil, &k.scene); !successors[string(after)] {
			t.Fatalf("step %d: %v leads to\n%sand by the search elsewhere, from\n%s", n, m, k.text(&k.scene), before)
		}
		if n%8 == 0 {
			k.audit(t)
		}
	}
}

// live applies a move to the living state, and renews everybody's interest
// where it is not to lapse.
func (k *walk) live(m move) {
	at := k.set(&k.scene, m)
	k.apply(k.command(&k.scene, m, at, fmt.Sprint("n", k.index)))
	if k.linger > 0 {
		return
	}
	k.alive.Scene(&k.before)
	all := &command.Interest{}
	for _, x := range k.before.Waiters {
		all.Ages = append(all.Ages, x.Age)
	}
	k.apply(command.Command{Header: command.Header{Stamp: at, Term: 1}, Op: all})
}

func (k *walk) apply(c command.Command) {
	k.index++
	k.alive.Apply(k.index, 1, c)
}

// successors are the keys to which a move may lead from a key.
func (s *search) successors(key []byte, m move) (map[string]bool, error) {
	found := map[string]bool{}
	s.next = keys{}
	clear(s.ids)
	s.read(key, &s.before)
	s.graph.open(&s.before)
	if m, err := s.branch(0, key, m); err != nil {
		return nil, fmt.Errorf("%v: %w", m, err)
	}
	for i := range s.next.ends {
		found[string(s.next.at(i))] = true
	}
	return found, nil
}

func (k *walk) audit(t *testing.T) {
	t.Helper()
	restored, err := clone(k.alive)
	if err != nil {
		t.Fatal(err)
	}
	if difference := k.alive.Audit(restored); difference != "" {
		t.Fatalf("indexes differ from those of a restored state: %s\n%s", difference, k.text(&k.scene))
	}
	if !bytes.Equal(snapshot(k.alive), snapshot(restored)) {
		t.Fatal("another snapshot after a restore")
	}
}
