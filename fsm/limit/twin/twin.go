// Package twin holds the state machine of fsm/limit against its reference
// model, fsm/limit/oracle: both play the same records, and every answer, every
// wait that ends and all that reads show has to be equal. The tests of fsm/limit
// and the simulator use it; nothing that runs in a cluster does.
//
//	p := twin.Pair{Real: limit.New(), Model: oracle.New()}
//	applied, err := p.Apply(index, term, c) // err says where they disagree
//	err = p.Compare()                       // all of the content
package twin

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/acl"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
)

// Pair is the state machine and the oracle.
type Pair struct {
	Real  *limit.State
	Model *oracle.Model
}

// Apply plays one record on both. The error says where they disagree.
func (p Pair) Apply(index, term uint64, c command.Command) (got limit.Applied, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("record %d: panic: %v\n%s", index, r, debug.Stack())
		}
	}()
	got = p.Real.Apply(index, term, c)
	result, outcomes := p.Model.Apply(index, term, c)
	if g, w := oracle.Text(got.Result, false), oracle.Text(result, false); g != w {
		return got, fmt.Errorf("record %d: the answer is\n\t%s\nand the oracle's\n\t%s", index, g, w)
	}
	if g, w := realOutcomes(got.Outcomes), modelOutcomes(outcomes); g != w {
		return got, fmt.Errorf("record %d: the outcomes are\n%sand the oracle's\n%s", index, g, w)
	}
	return got, nil
}

// Compare holds the content of both against each other.
func (p Pair) Compare() error {
	got := Dump(p.Real, p.Model.Known()) + Access(p.Real, p.Model.Secrets())
	want := p.Model.Dump() + p.Model.Access(names())
	if got == want {
		return nil
	}
	return fmt.Errorf("record %d: the state is (-) and the oracle's (+)\n%s\n%s", p.Real.Index(), Diff(got, want), p.Model.Inside())
}

func realOutcomes(list []limit.Outcome) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "\t%s %d: %s\n", o.ID, o.Age, oracle.Text(o.Result, false))
	}
	return b.String()
}

func modelOutcomes(list []oracle.Outcome) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "\t%s %d: %s\n", o.ID, o.Age, oracle.Text(o.Result, false))
	}
	return b.String()
}

const all = 1 << 20

// Dump words what s shows through its public reads, as oracle.Model.Dump does.
func Dump(s *limit.State, ids []string) string {
	var b strings.Builder
	n := s.Counts()
	fmt.Fprintf(&b, "time %v index %d term %d rules %d\n", time.Duration(s.Time()), s.Index(), s.Term(), s.Rules())
	if left := s.Quarantine(); left > 0 {
		fmt.Fprintf(&b, "quarantine for %v\n", time.Duration(left))
	}
	fmt.Fprintf(&b, "limits %d leases %d waiters %d remembered %d\n", n.Limits, n.Leases, n.Waiters, n.Remembered)
	limits, _ := s.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		b.WriteString(Lines(s, l))
	}
	leases, _ := s.Leases(limit.LeaseFilter{}, 0, all)
	for _, l := range leases {
		g := &command.Granted{ID: l.ID, Token: l.Token, Lease: true, TTL: l.TTL, ExpiresIn: l.ExpiresIn, Limits: l.Limits}
		fmt.Fprintf(&b, "lease %s held %v: %s\n", l.ID, time.Duration(l.Held), oracle.Text(g, false))
	}
	for _, id := range ids {
		r, _ := s.Acquire(id)
		fmt.Fprintf(&b, "id %s: %s\n", id, oracle.Text(r, false))
	}
	return b.String()
}

// names are limits on which rights are compared.
func names() []string { return []string{"a", "b", "bc"} }

// Access words who each of the secrets stands for, as oracle.Model.Access does.
func Access(s *limit.State, secrets [][32]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "first token by record %d\n", s.ACL().Bootstrapped())
	for _, hash := range secrets {
		token, err := s.ACL().Identify(hash, s.Time())
		var may []string
		for verb := command.VerbRead; err == nil && verb <= command.VerbLast; verb++ {
			for _, name := range names() {
				if s.ACL().Rights(token.Policies...).May(verb, name) {
					may = append(may, verb.String()+":"+name)
				}
			}
		}
		b.WriteString(oracle.SecretLine(hash, token.Name, errors.Is(err, acl.ErrExpired), may))
	}
	return b.String()
}

// Lines words one limit, its holders and its queue.
func Lines(s *limit.State, l command.Limit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "limit %s\n", oracle.Text(&l, false))
	holders, _ := s.Holders(l.Name, 0, all)
	for _, h := range holders {
		kind := [...]string{"lease", "anonymous", "rate", "grace"}[h.Kind]
		b.WriteString(oracle.HolderLine(kind, h.ID, h.Token, h.Slots, h.Ordinals, h.ExpiresIn))
	}
	waiters, _ := s.Queue(l.Name, 0, all)
	for _, x := range waiters {
		b.WriteString(oracle.WaiterLine(x.ID, x.Age, x.Slots, x.ParkedOn, [2]bool{x.Protected, x.Parted}, [2]int64{x.WaitingFor, x.DeadlineIn}))
	}
	return b.String()
}

// Diff shows the lines that only one of the texts has, among the others.
func Diff(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var b strings.Builder
	for len(g) > 0 || len(w) > 0 {
		switch {
		case len(g) > 0 && len(w) > 0 && g[0] == w[0]:
			fmt.Fprintf(&b, "  %s\n", g[0])
			g, w = g[1:], w[1:]
		case len(g) > 0 && (len(w) == 0 || !slices.Contains(w, g[0])):
			fmt.Fprintf(&b, "- %s\n", g[0])
			g = g[1:]
		default:
			fmt.Fprintf(&b, "+ %s\n", w[0])
			w = w[1:]
		}
	}
	return b.String()
}
