package limit_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/fsm/limit/oracle"
)

// TestScripts plays the scripts in testdata, one for each clause of the law.
//
// A script is a list of records, each at an instant of cluster time, with what
// the state machine answers indented below it: first the answer, unless it is
// just "done"; then, with the id in front, each wait that the record ended.
//
//	# Two slots, three callers.
//	at 0s: limit db slots=2
//	at 1s: acquire a db=2 ttl=10s
//	    granted token=1 db+2=2/2 ends in 10s
//	at 11s: acquire b db=1
//	    granted token=2 db+1=1/2 ends in 1m0s
//
// "db+2=2/2" says that it took 2 slots of db, of which 2 of 2 are occupied now.
// The settings are the default ones, unless the first line says otherwise:
//
//	cluster patience=1s max_waiters=2
//
// There, too, "rules=1" plays a script under older rules, and "budget=3" with
// records that play no more than 3 events, examinations and items.
//
// "restore longest_ttl=1h" puts a backup of the state in its place, as an operator
// would, with a quarantine that outlasts leases of an hour; "show" with no name
// tells of that.
//
// The oracle plays the same records, and has to agree. After every record a
// second state is restored from a snapshot of the first, and goes on instead; then
// all is played again without that, and has to be answered alike.
// With -rewrite the scripts' answers are written anew.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { runScript(t, path) })
	}
}

// playScript returns the script as it should read.
func playScript(t *testing.T, path, text string, s *script) string {
	t.Helper()
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if err := s.line(line); err != nil {
			t.Fatalf("%s:%d: %s\n%v", path, n+1, line, err)
		}
	}
	return strings.Join(s.out, "\n") + "\n"
}

var rewrite = flag.Bool("rewrite", false, "write the answers in the scripts anew")

func runScript(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := playScript(t, path, string(text), &script{})
	if kept := playScript(t, path, string(text), &script{keep: true}); kept != got {
		t.Errorf("%s, played without restores (+), and with them (-):\n%s", path, lineDiff(got, kept))
	}
	if got == string(text) {
		return
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s says (+), the state machine (-):\n%s", path, lineDiff(got, string(text)))
}

// script is a script that is being played.
type script struct {
	both *both
	ages map[string]uint64 // of acquires, by id
	now  int64
	out  []string // the script as it should read
	keep bool     // restore nothing
}

// line plays one line. Old answers are dropped.
func (s *script) line(line string) error {
	if strings.HasPrefix(line, "    ") {
		return nil
	}
	s.out = append(s.out, line)
	line, _, _ = strings.Cut(line, "#")
	words := strings.Fields(line)
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "cluster":
		return s.cluster(words[1:])
	case words[0] != "at" || len(words) < 3:
		return fmt.Errorf("want: at TIME: VERB ...")
	}
	at, err := time.ParseDuration(strings.TrimSuffix(words[1], ":"))
	if err != nil {
		return err
	}
	if s.both == nil {
		s.both = newBoth(command.DefaultSettings())
	}
	if s.ages == nil {
		s.ages = map[string]uint64{}
	}
	s.now = int64(at)
	return s.play(words[2], words[3:])
}

// cluster begins with other settings, or older rules.
func (s *script) cluster(args []string) error {
	o := parseOptions(args, append(settingNames(), "rules", "budget")...)
	rules := uint64(limit.Rules)
	if o.has("rules") {
		rules = uint64(o.number(o.set["rules"]))
	}
	s.both = newBothUnder(rules, command.DefaultSettings().With(o.settingChanges()))
	if o.has("budget") {
		s.both.setBudget(int(o.number(o.set["budget"])))
	}
	return o.err
}

// play carries out one command and notes its answers.
func (s *script) play(verb string, args []string) error {
	switch verb {
	case "term":
		_, err := fmt.Sscan(args[0], &s.both.term)
		return err
	case "show":
		return s.show(args)
	case "restore":
		o := parseOptions(args, "longest_ttl")
		if o.err == nil {
			s.both.restoreBackup(o.time("longest_ttl"))
		}
		return o.err
	}
	return s.record(verb, args)
}

func (s *script) record(verb string, args []string) error {
	c, err := s.parse(verb, args)
	if err != nil {
		return err
	}
	applied, err := s.both.apply(c)
	if err != nil {
		return err
	}
	if verb == "acquire" && s.ages[c.ID] == 0 {
		s.ages[c.ID] = s.both.index
	}
	if answer := oracle.Text(applied.Result, true); answer != "done" {
		s.answer(answer)
	}
	for _, o := range applied.Outcomes {
		s.answer(o.ID + ": " + oracle.Text(o.Result, true))
	}
	return s.restart()
}

func (s *script) answer(text string) { s.out = append(s.out, "    "+text) }

// restart goes on with a state that was restored from a snapshot.
func (s *script) restart() error {
	if s.keep {
		return nil
	}
	restored, err := clone(s.both.real)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if restored.Snapshot().Digest() != s.both.real.Snapshot().Digest() {
		return fmt.Errorf("the restored state has another digest")
	}
	s.both.real = restored
	if s.both.budget > 0 {
		restored.SetBudget(s.both.budget)
	}
	return s.both.compare()
}

// show notes what a read of limits and ids answers at this instant: reads are
// records too (section 7).
func (s *script) show(names []string) error {
	if err := s.record("read", nil); err != nil {
		return err
	}
	if left := s.both.real.Quarantine(); left > 0 && len(names) == 0 {
		s.answer(fmt.Sprintf("quarantine for %v", time.Duration(left)))
	}
	for _, name := range names {
		if l, ok := s.both.real.Limit(name); ok {
			for _, line := range strings.Split(strings.TrimRight(limitLines(s.both.real, l), "\n"), "\n") {
				s.answer(line)
			}
			continue
		}
		if r, ok := s.both.real.Acquire(name); ok {
			s.answer(name + ": " + oracle.Text(r, true))
			continue
		}
		s.answer(name + " is not known")
	}
	return nil
}
