package check_test

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

const ms = time.Millisecond

// world lets clients call a toy over a network that delays, loses and repeats,
// in a time of its own, and notes what they see.
type world struct {
	rng   *rand.Rand
	toy   *toy
	now   time.Duration
	lag   time.Duration // of cluster time behind real time: elections add to it
	todo  agenda
	order int
	until time.Duration

	h     history.History
	calls map[string][]pending // waiting calls, by id
	ready []pending            // those whose wait the record under way has ended
	saved *toy

	leader string
	term   uint64
	shut   time.Duration      // nobody leads until then
	heard  map[string][]heard // by node

	library bool
	fast    bool // cluster time runs faster than it may
	made    int
	high    map[string]uint64 // the protected resource
}

// pending is a call that is not answered yet.
type pending struct {
	op   *history.Op
	then func()
}

// deed is something that happens at an instant.
type deed struct {
	at    time.Duration
	order int
	do    func()
}

type agenda []deed

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(deed)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// setting says what a world is like.
type setting struct {
	seed    uint64
	bug     string
	clients int
	length  time.Duration
	limits  map[string]history.Settings
	names   []string
	calm    bool // nothing is lost
	fussy   bool // an operator changes limits
	run     string

	library bool // half of the clients are told nothing of the log
	restore bool // backups are taken and restored
	tries   bool // nobody waits, and all want slots that decay
}

func plain() setting {
	return setting{
		clients: 6, length: 6 * time.Second, names: []string{"db", "gpu", "api", "slow"}, fussy: true, run: "mixed",
		limits: map[string]history.Settings{
			"db":   {Slots: 3},
			"gpu":  {Slots: 4, Numbered: true},
			"api":  {Slots: 5, RateNum: 20, RatePer: time.Second},
			"slow": {Slots: 2, Grace: 200 * ms},
		},
	}
}

// play runs a world to its end and returns what was seen, and how often the bug
// showed.
func play(c setting) (*history.History, int) {
	rng := rand.New(rand.NewPCG(c.seed, 7))
	w := &world{rng: rng, toy: newToy(rng, c.bug), until: c.length, calls: map[string][]pending{}, heard: map[string][]heard{}, fast: c.bug == "clock too fast", high: map[string]uint64{}}
	w.h.Run = history.Run{Instrument: "sim", Workload: c.run, Seed: c.seed, Nodes: 3, Duration: c.length, MaxBackdate: 100 * ms, Remember: time.Minute}
	w.toy.tell, w.library = w.told, c.library
	for _, name := range c.names {
		set := c.limits[name]
		w.call(&history.Op{Kind: history.Put, Ask: history.Ask{Limits: []history.Want{{Name: name}}, Config: &set}}, true, func() {})
		w.work()
	}
	for i := range c.clients {
		b := &body{w: w, c: c, client: i + 1}
		w.at(w.later(20*ms), b.next)
	}
	if c.fussy {
		w.at(w.later(500*ms), (&operator{w: w, c: c, sets: c.limits}).next)
	}
	if c.restore {
		w.at(w.until/3, w.save)
		w.at(w.until/2+w.later(100*ms), w.restore)
	}
	w.open()
	w.at(w.now, w.tick)
	w.at(w.now, w.watch)
	w.work()
	w.end(c)
	slices.SortFunc(w.h.Ops, func(x, y history.Op) int { return x.Number - y.Number })
	return &w.h, w.toy.broken
}

func (w *world) later(d time.Duration) time.Duration {
	return w.now + 1 + time.Duration(w.rng.Int64N(int64(d)))
}

func (w *world) at(t time.Duration, do func()) {
	w.order++
	heap.Push(&w.todo, deed{t, w.order, do})
}

func (w *world) work() {
	for len(w.todo) > 0 {
		d := heap.Pop(&w.todo).(deed)
		w.now = d.at
		d.do()
	}
}

// stamp is what a leader stamps a record with now.
func (w *world) stamp() int64 {
	if w.fast {
		w.toy.broken++
		return int64(w.now + w.now/10)
	}
	return int64(w.now-w.lag) + 1e9
}

func (w *world) tick() {
	if w.rng.IntN(200) == 0 && w.now >= w.shut {
		w.elect()
	}
	if w.toy.sick("time stands still", 100) {
		w.lag += 30 * ms
	}
	if w.now >= w.shut {
		w.toy.begin(w.stamp())
		w.deliver()
	}
	if w.now < w.until+8*time.Second {
		w.at(w.now+10*ms, w.tick)
	}
}

// call sends an op: it is run once, or twice where its first answer is lost, or
// its outcome stays unknown.
func (w *world) call(o *history.Op, calm bool, then func()) {
	w.made++
	o.Number, o.Call, o.Tries, o.Node = w.made, w.now, 1, node(w.rng)
	lost := !calm && w.rng.IntN(15) == 0
	w.at(w.later(4*ms), func() { w.whenOpen(func() { w.arrive(o, lost, then) }) })
}

// arrive has a request, or the loss of it, happen.
func (w *world) arrive(o *history.Op, lost bool, then func()) {
	switch {
	case !lost:
		w.serve(o, then)
	case w.rng.IntN(2) == 0: // the request is lost
		w.again(o, then)
	default: // the answer is
		ghost := *o
		w.toy.serve(&ghost, w.stamp())
		w.deliver()
		w.again(o, then)
	}
}

// again is what a caller does who got no answer: asks again, or gives up.
func (w *world) again(o *history.Op, then func()) {
	o.Astray++
	if w.rng.IntN(4) == 0 {
		w.at(w.later(50*ms), func() {
			o.Outcome, o.Return = history.Unknown, w.now
			w.h.Ops = append(w.h.Ops, *o)
			then()
		})
		return
	}
	o.Tries++
	w.at(w.now+50*ms, func() { w.whenOpen(func() { w.serve(o, then) }) })
}

func (w *world) serve(o *history.Op, then func()) {
	if q := w.toy.serve(o, w.stamp()); q != nil {
		o.Outcome = history.Unknown
		if w.rng.IntN(2) == 0 {
			o.Queued = w.now + 1*ms // a 202 on the way
		}
		w.calls[q.id] = append(w.calls[q.id], pending{o, then})
		w.deliver()
		return
	}
	w.deliver()
	w.answer(o, then)
}

// save takes a backup.
func (w *world) save() { w.saved = w.toy.clone() }

// restore puts the backup in place. All calls that are open get no answer.
func (w *world) restore() {
	w.made++
	o := &history.Op{Number: w.made, Kind: history.Restore, Call: w.now, Outcome: history.OK}
	w.at(max(w.later(20*ms), w.shut+1), func() {
		w.toy.restore(w.saved)
		w.lag = w.now + 1e9 - time.Duration(w.toy.now)
		clear(w.heard)
		for _, id := range sorted(w.calls) {
			for _, p := range w.calls[id] {
				p.op.Outcome = history.Unknown
				w.answer(p.op, p.then)
			}
		}
		w.calls = map[string][]pending{}
		w.at(w.later(20*ms), func() {
			o.Return = w.now
			w.h.Ops = append(w.h.Ops, *o)
		})
	})
}

func (w *world) answer(o *history.Op, then func()) {
	if w.library && o.Client%2 == 1 {
		o.Index, o.Time, o.Queued = 0, 0, 0
		if o.Kind == history.Release {
			o.Got = history.Got{}
		}
	}
	back := w.later(4 * ms)
	if o.Kind == history.ReadLimit || o.Kind == history.ReadID { // the node has applied what it answers
		applied := w.now + time.Duration(w.rng.Int64N(int64(back-w.now)))
		w.heard[o.Node] = append(w.heard[o.Node], heard{at: applied, lag: w.lag + applied - w.now})
	}
	w.at(back, func() {
		o.Return = w.now
		w.h.Ops = append(w.h.Ops, *o)
		then()
	})
}

// told hears from the toy that a wait has ended.
func (w *world) told(q *toyID) {
	for _, p := range w.calls[q.id] {
		w.toy.show(q, p.op)
		w.ready = append(w.ready, p)
	}
	delete(w.calls, q.id)
}

// deliver answers the waits that the last record ended, with its index and time.
func (w *world) deliver() {
	for _, p := range w.ready {
		p.op.Outcome, p.op.Index, p.op.Time = history.OK, w.toy.index, w.toy.now
		if x := w.toy.leases[p.op.Token]; x != nil {
			p.op.ExpiresIn = time.Duration(x.end - w.toy.now)
		}
		w.answer(p.op, p.then)
	}
	w.ready = nil
}

// end lets everything run out and looks at the state.
func (w *world) end(c setting) {
	f := &history.Final{Limits: map[string]int64{}, Index: w.toy.index, Leases: int64(len(w.toy.leases)), Waiting: int64(len(w.toy.queue)), Patience: time.Duration(toyPatience)}
	for _, name := range c.names {
		if l := w.toy.limits[name]; l != nil {
			f.Limits[name] = l.occupied()
		}
	}
	for _, n := range []string{"n1", "n2", "n3"} {
		f.Nodes = append(f.Nodes, history.FinalNode{Name: n, Digest: "d1"})
	}
	w.h.Final = f
}
