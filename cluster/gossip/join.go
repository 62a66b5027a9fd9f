package gossip

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	joinFirst = 200 * time.Millisecond // between attempts at first, while alone
	joinMost  = 10 * time.Second       // between attempts later
	joinCheck = 10 * time.Second       // between looks whether somebody is missing
)

// errAlone says that nobody was found.
var errAlone = errors.New("gossip: no other node was found")

// joinLoop looks for the others until some are found, and then goes on looking
// for those that are missing: two halves of a network that was cut find each
// other only so. It calls all of them once this node's tags have changed.
func (g *Gossip) joinLoop() {
	delay, said := joinFirst, ""
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var present []string
		select {
		case <-timer.C:
		case <-g.spoke:
			present = g.present()
		case <-g.stop:
			return
		}
		err := g.join(present)
		next := joinCheck
		if err != nil {
			next = delay
			delay = min(delay*2, joinMost)
			if why := flat(err); next == joinMost && why != said {
				g.log.Warn("no other node is found", "err", why)
				said = why
			}
		}
		timer.Reset(next)
	}
}

// flat writes an error in one line, with what to do about keys that differ.
func flat(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if strings.Contains(text, "encrypt") || strings.Contains(text, "decrypt") {
		text += " (all nodes need the same gossip.key_file, or none)"
	}
	return text
}

// join calls the addresses of the given nodes, and those at which nobody is known
// to be alive.
func (g *Gossip) join(present []string) error {
	missing, _ := g.missing()
	var errs []error
	for _, address := range append(present, missing...) {
		select {
		case <-g.stop:
			return nil
		default:
		}
		if _, err := g.list.Join([]string{address}); err != nil {
			errs = append(errs, err)
		}
	}
	if _, others := g.missing(); others == 0 && len(g.cfg.Join) > 0 {
		return fmt.Errorf("%w: %w", errAlone, errors.Join(errs...))
	}
	return nil
}

// missing returns where to look, and how many others are alive.
func (g *Gossip) missing() (where []string, others int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wanted := make(map[string]bool)
	for _, a := range g.cfg.Join {
		wanted[a] = true
	}
	for id, s := range g.known {
		wanted[s.address] = !s.member.Alive
		if id != g.cfg.ID && s.member.Alive {
			others++
		}
	}
	for a := range maps.Clone(wanted) {
		if !wanted[a] {
			delete(wanted, a)
		}
	}
	return slices.Sorted(maps.Keys(wanted)), others
}

// present returns where the others gossip that are alive.
func (g *Gossip) present() (where []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, s := range g.known {
		if id != g.cfg.ID && s.member.Alive {
			where = append(where, s.address)
		}
	}
	slices.Sort(where)
	return where
}
