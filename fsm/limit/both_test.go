package limit_test

import (
	"bytes"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
	"github.com/limitd/limitd/fsm/limit/twin"
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
	b.index++
	p := twin.Pair{Real: b.real, Model: b.model}
	got, err = p.Apply(b.index, b.term, c)
	if err != nil || b.quick {
		return got, err
	}
	return got, p.Compare()
}

// restoreBackup puts a backup of the state in its place, on both, with a
// quarantine that outlasts leases of so many ns; 0: none. No job may be open.
func (b *both) restoreBackup(longest int64) {
	var backup bytes.Buffer
	if _, err := limit.Rewrite(bytes.NewReader(snapshot(b.real)), &backup, limit.Restoration{LongestTTL: longest}); err != nil {
		panic(err)
	}
	restored, err := limit.Restore(&backup)
	if err != nil {
		panic(err)
	}
	reopens := int64(0)
	if longest > 0 {
		reopens = b.model.Time() + longest + b.model.Longest()
	}
	b.real, b.model = restored, b.model.Restored(restored.Token(), reopens)
	if b.budget > 0 {
		b.setBudget(b.budget)
	}
}

// compare holds the content of both against each other.
func (b *both) compare() error { return twin.Pair{Real: b.real, Model: b.model}.Compare() }

const all = 1 << 20

func dump(s *limit.State, ids []string) string { return twin.Dump(s, ids) }

func limitLines(s *limit.State, l command.Limit) string { return twin.Lines(s, l) }

func lineDiff(got, want string) string { return twin.Diff(got, want) }

// clone returns a second state with s's content, by way of a snapshot.
func clone(s *limit.State) (*limit.State, error) {
	var b bytes.Buffer
	if err := s.Snapshot().Write(&b); err != nil {
		return nil, err
	}
	return limit.Restore(&b)
}
