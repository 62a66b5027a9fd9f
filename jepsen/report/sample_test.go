package report_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// sample says how a synthetic run is to be. It is traffic as a limitd under
// faults shows it, roughly: enough for pictures, not for checkers.
type sample struct {
	nodes, clients, ops int
	length              time.Duration
	faults              int
	seed                uint64
}

// maker makes a synthetic run.
type maker struct {
	sample
	chance *rand.Rand
	h      *history.History
	token  uint64
	held   map[string]int64
	hands  map[int]*history.Op // what clients hold
	bucket float64             // of the limit api
	filled time.Duration
}

// slots are those of the limits of a synthetic run.
func slots() map[string]int64 { return map[string]int64{"gpu": 5, "licence": 3, "db": 12} }

func makeRun(s sample) *history.History {
	m := &maker{sample: s, chance: rand.New(rand.NewPCG(s.seed, 1)), held: map[string]int64{}, hands: map[int]*history.Op{}}
	m.h = &history.History{Run: history.Run{
		Instrument: "real", Workload: "semaphore", Nemesis: "kill-leader,partition-halves", Seed: s.seed, Nodes: s.nodes,
		Commit: "3f9c2ab1d0", Build: "bin/limitd, faultclock overlay", Started: "2026-03-01T09:00:00Z",
		Duration: s.length * 49 / 50, MaxBackdate: 100 * time.Millisecond, Remember: time.Minute, ClockError: 0.005,
	}}
	if s.ops < 1000 {
		m.h.Run.Instrument = "sim"
	}
	m.setup()
	m.trouble()
	m.traffic()
	m.finish()
	return m.h
}

func (m *maker) setup() {
	for i, name := range []string{"db", "gpu", "licence", "api"} {
		config := history.Settings{Slots: slots()[name]}
		if name == "api" {
			config = history.Settings{Slots: 10, RateNum: 50, RatePer: time.Second}
		}
		at := time.Duration(i) * 3 * time.Millisecond
		m.add(history.Op{
			Kind: history.Put, Node: "n1", Call: at, Return: at + 2*time.Millisecond, Outcome: history.OK,
			Ask: history.Ask{Limits: []history.Want{{Name: name}}, Config: &config},
		})
	}
	m.h.Leaders = []history.Leader{{At: 0, Node: "n1", Term: 2}}
}

func (m *maker) add(o history.Op) *history.Op {
	o.Number = len(m.h.Ops) + 1
	o.Tries = max(o.Tries, 1)
	m.h.Ops = append(m.h.Ops, o)
	return &m.h.Ops[len(m.h.Ops)-1]
}

// trouble injects faults at even distances.
func (m *maker) trouble() {
	names := []string{"kill-leader", "partition-halves", "pause", "clock-step", "slow-links", "disk-full"}
	term := uint64(2)
	for i := range m.faults {
		at := m.length * time.Duration(i+1) / time.Duration(m.faults+1)
		f := history.Fault{Kind: names[i%len(names)], On: fmt.Sprintf("n%d", 1+m.chance.IntN(m.nodes)), What: "chosen by chance", From: at, To: at + time.Duration(1+m.chance.IntN(4))*time.Second}
		switch f.Kind {
		case "clock-step":
			f.To, f.What = 0, "+1h"
		case "partition-halves":
			f.On, f.What = "n1 | n2 n3", "both ways"
		case "disk-full":
			if i%4 == 1 {
				f.Error = "mount a file system: operation not permitted"
			}
		}
		m.h.Faults = append(m.h.Faults, f)
		if f.Kind == "kill-leader" || f.Kind == "partition-halves" {
			term++
			m.h.Leaders = append(m.h.Leaders, history.Leader{At: at + 30*time.Millisecond, Term: term},
				history.Leader{At: at + 900*time.Millisecond, Node: fmt.Sprintf("n%d", 1+m.chance.IntN(m.nodes)), Term: term})
		}
	}
}

// delay is what a call at t costs, and how it ends.
func (m *maker) delay(t time.Duration) (time.Duration, history.Outcome) {
	d := time.Millisecond + time.Duration(m.chance.ExpFloat64()*float64(2*time.Millisecond))
	for _, f := range m.h.Faults {
		if f.Error != "" || t < f.From || t > max(f.To, f.From+time.Second) {
			continue
		}
		switch f.Kind {
		case "kill-leader":
			if t < f.From+900*time.Millisecond {
				d += f.From + 900*time.Millisecond - t
			}
		case "partition-halves":
			switch m.chance.IntN(6) {
			case 0:
				return 2 * time.Second, history.Unknown
			case 1:
				return time.Second, history.Refused
			}
		case "slow-links", "pause":
			d += time.Duration(m.chance.ExpFloat64() * float64(80*time.Millisecond))
		}
	}
	return d, history.OK
}

func (m *maker) traffic() {
	next := make([]time.Duration, m.clients)
	think := m.length * time.Duration(m.clients) / time.Duration(max(m.ops, 1))
	for i := range next {
		next[i] = 20*time.Millisecond + time.Duration(m.chance.Int64N(int64(think)))
	}
	for len(m.h.Ops) < m.ops {
		client := 0
		for i := range next {
			if next[i] < next[client] {
				client = i
			}
		}
		if next[client] > m.length {
			return
		}
		o := m.call(client, next[client])
		next[client] = o.Return + time.Duration(m.chance.ExpFloat64()*0.9*float64(think))
	}
}

// call makes a client's next call: a release of what it holds, or an acquire.
func (m *maker) call(client int, at time.Duration) *history.Op {
	d, outcome := m.delay(at)
	o := history.Op{Client: client, Call: at, Return: at + d, Outcome: outcome, Node: fmt.Sprintf("n%d", 1+m.chance.IntN(m.nodes))}
	if outcome == history.Refused {
		o.Code, o.Status = "no_leader", 503
	}
	if mine := m.hands[client]; mine != nil {
		m.release(&o, mine)
	} else {
		m.acquire(&o)
	}
	added := m.add(o)
	if added.IsGrant() && !added.Granted[0].Rate {
		kept := *added
		m.hands[client] = &kept
	}
	return added
}

func (m *maker) release(o, mine *history.Op) {
	o.Kind, o.ID, o.Tokens = history.Release, mine.ID, []uint64{mine.Token}
	if o.Outcome != history.OK {
		return
	}
	o.Released = true
	m.held[mine.Granted[0].Name] -= mine.Granted[0].Slots
	m.h.Beliefs = append(m.h.Beliefs, history.Belief{Client: o.Client, Token: mine.Token, Granted: mine.Granted, From: mine.Return, To: o.Call})
	delete(m.hands, o.Client)
}

func (m *maker) acquire(o *history.Op) {
	name := []string{"db", "gpu", "licence", "api"}[m.chance.IntN(4)]
	n := int64(1 + m.chance.IntN(2))
	o.Kind, o.ID = history.Acquire, fmt.Sprintf("c%d-%d", o.Client, len(m.h.Ops)+1)
	o.Limits, o.TTL = []history.Want{{Name: name, Slots: n, Rate: name == "api"}}, 30*time.Second
	if o.Outcome != history.OK {
		return
	}
	if !m.take(name, n, o.Return) {
		o.Code, o.Status, o.RetryAfter = "denied", 429, 15*time.Millisecond
		return
	}
	if m.chance.IntN(5) == 0 && name != "api" {
		o.Wait = 5 * time.Second
		o.Waited = time.Duration(m.chance.Int64N(int64(400 * time.Millisecond)))
		o.Return += o.Waited
	}
	m.token++
	o.Token, o.Index = m.token, m.token*3
	o.Granted = []history.Granted{{Name: name, Slots: n, Rate: name == "api", Counted: true}}
	if name != "api" {
		o.ExpiresIn = o.TTL
	}
}

// take takes slots, where there are enough.
func (m *maker) take(name string, n int64, at time.Duration) bool {
	if name == "api" {
		m.bucket = max(0, m.bucket-max(0, (at-m.filled).Seconds())*50)
		m.filled = max(at, m.filled)
		if m.bucket+float64(n) > 10 {
			return false
		}
		m.bucket += float64(n)
		return true
	}
	if m.held[name]+n > slots()[name] {
		return false
	}
	m.held[name] += n
	return true
}

func (m *maker) finish() {
	final := &history.Final{Limits: map[string]int64{"api": 0, "db": 0, "gpu": 0, "licence": 0}, Index: m.token*3 + 7}
	for i := range m.nodes {
		final.Nodes = append(final.Nodes, history.FinalNode{Name: fmt.Sprintf("n%d", i+1), Digest: "9a1c54e07bd2f0e8"})
	}
	m.h.Final = final
}

// judged are verdicts on a synthetic run, with violations that name its calls.
func judged(h *history.History, violations int) []check.Verdict {
	verdicts := []check.Verdict{
		{Checker: check.Checker{Name: "overlap", What: "holders of a limit never hold more than its slots", Rules: "E1 E3"}, Looked: len(h.Ops)},
		{Checker: check.Checker{Name: "tokens", What: "tokens rise in the order of the grants, and none is given twice", Rules: "S2"}, Looked: len(h.Ops) / 2},
		{Checker: check.Checker{Name: "rate", What: "no span of time admits more than slots + decay·(W + G)", Rules: "E2"}, Looked: len(h.Ops) / 4},
		{Checker: check.Checker{Name: "fifo", What: "within one limit it is first come, first served", Rules: "A2"}},
		{Checker: check.Checker{Name: "final", What: "nothing is left occupied, and all nodes have one digest", Rules: "E6 E7"}, Looked: 4},
	}
	var grants []history.Op
	for _, o := range h.Ops {
		if o.IsGrant() && !o.Granted[0].Rate {
			grants = append(grants, o)
		}
	}
	for i := range violations {
		x, y := grants[(2*i+3)*len(grants)/(2*violations+4)], grants[(2*i+3)*len(grants)/(2*violations+4)+1]
		v := check.Violation{
			Checker: "overlap", Rule: "E1", Ops: []int{x.Number, y.Number},
			What: fmt.Sprintf("limit %q has 5 slots, and 6 were held at once: by tokens %d and %d", x.Granted[0].Name, x.Token, y.Token),
		}
		verdicts[i%2].Violations = append(verdicts[i%2].Violations, v)
	}
	return verdicts
}
