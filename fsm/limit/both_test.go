package limit_test

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
)

// both is the state machine and the oracle, stepped through the same records.
type both struct {
	real  *limit.State
	model *oracle.Model
	index uint64
	term  uint64
	quick bool // compare answers only, and not all the content each time

	budget int // of each record; 0: the usual one
}

func (b *both) setBudget(n int) {
	b.budget, b.model.Budget = n, n
	b.real.SetBudget(n)
}

// newBoth returns both after a Genesis with the settings.
func newBoth(settings command.Settings) *both { return newBothUnder(limit.Rules, settings) }

// newBothUnder is newBoth under an older rules version.
func newBothUnder(rules uint64, settings command.Settings) *both {
	b := &both{real: limit.New(), model: oracle.New(), term: 1}
	_, err := b.apply(command.Command{
		Header: command.Header{Term: 1},
		Op:     &command.Genesis{ClusterID: [16]byte{1}, Settings: settings, Rules: rules},
	})
	if err != nil {
		panic(err)
	}
	return b
}

// apply plays one record on both. The error says where they disagree.
func (b *both) apply(c command.Command) (got limit.Applied, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("record %d: panic: %v\n%s", b.index, p, debug.Stack())
		}
	}()
	b.index++
	got = b.real.Apply(b.index, b.term, c)
	result, outcomes := b.model.Apply(b.index, b.term, c)
	if g, w := oracle.Text(got.Result, false), oracle.Text(result, false); g != w {
		return got, fmt.Errorf("record %d: the answer is\n\t%s\nand the oracle's\n\t%s", b.index, g, w)
	}
	if g, w := realOutcomes(got.Outcomes), modelOutcomes(outcomes); g != w {
		return got, fmt.Errorf("record %d: the outcomes are\n%sand the oracle's\n%s", b.index, g, w)
	}
	if b.quick {
		return got, nil
	}
	return got, b.compare()
}

// compare holds the content of both against each other.
func (b *both) compare() error {
	got, want := dump(b.real, b.model.Known()), b.model.Dump()
	if got == want {
		return nil
	}
	return fmt.Errorf("record %d: the state is (-) and the oracle's (+)\n%s\n%s", b.index, lineDiff(got, want), b.model.Inside())
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

// dump words what s shows through its public reads, as oracle.Model.Dump does.
func dump(s *limit.State, ids []string) string {
	var b strings.Builder
	n := s.Counts()
	fmt.Fprintf(&b, "time %v index %d term %d rules %d\n", time.Duration(s.Time()), s.Index(), s.Term(), s.Rules())
	fmt.Fprintf(&b, "limits %d leases %d waiters %d remembered %d\n", n.Limits, n.Leases, n.Waiters, n.Remembered)
	limits, _ := s.Limits(limit.LimitFilter{}, "", all)
	for _, l := range limits {
		b.WriteString(limitLines(s, l))
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

func limitLines(s *limit.State, l command.Limit) string {
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

// lineDiff shows the lines that only one of the texts has, among the others.
func lineDiff(got, want string) string {
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

// clone returns a second state with s's content, by way of a snapshot.
func clone(s *limit.State) (*limit.State, error) {
	var b bytes.Buffer
	if err := s.Snapshot().Write(&b); err != nil {
		return nil, err
	}
	return limit.Restore(&b)
}
