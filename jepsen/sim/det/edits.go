package det

import (
	"fmt"
	"strings"
)

// file is one file of Go's source tree and how it is changed.
type file struct {
	name   string
	edits  []edit
	append string
}

// edit replaces a text that stands in the file exactly once.
type edit struct{ old, new string }

func (f file) change(text string) (string, error) {
	for _, e := range f.edits {
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("%w: %s has %d times: %s", errNoFit, f.name, n, e.old)
		}
		text = strings.Replace(text, e.old, e.new, 1)
	}
	return text + f.append, nil
}

// files returns all changes.
func files() []file {
	return []file{
		{
			name: "runtime/rand.go",
			edits: []edit{
				// The keys of hash functions are drawn at the start of the process: always the same.
				{"\tglobalRand.state.Init(*seed)\n", "\tclear(seed[:])\n\tseed[0] = 1\n\tglobalRand.state.Init(*seed)\n"},
				// Maps, math/rand and all else that draws by rand.
				{"func rand() uint64 {\n", "func rand() uint64 {\n\tif simOn() {\n\t\treturn simNext()\n\t}\n"},
			},
			append: stream,
		},
		{
			name: "runtime/select.go",
			edits: []edit{
				{"\t\tj := cheaprandn(uint32(norder + 1))\n", "\t\tj := simChoice(uint32(norder + 1))\n"},
				// Timers draw their place among those of one instant when somebody waits for them: in the order of the
				// cases, not by the addresses of their channels, in which a select locks these.
				{
					"\t\tif c.timer != nil {\n\t\t\tblockTimerChan(c)\n\t\t}\n\t}\n\n\t// wait for someone to wake us up\n",
					"\t}\n\tfor i := range scases {\n\t\tif c := scases[i].c; c != nil && c.timer != nil {\n\t\t\tblockTimerChan(c)\n\t\t}\n\t}\n\n\t// wait for someone to wake us up\n",
				},
			},
		},
		{
			name: "runtime/time.go",
			edits: []edit{
				{"\t\t\tt.rand = cheaprand()\n", "\t\t\tt.rand = uint32(simNext() >> 32)\n"},
			},
		},
		{
			name: "runtime/proc.go",
			edits: []edit{
				// Nobody is interrupted because he runs long, nor loses his turn by a system call: that
				// would need another thread, and threads shift the heap, and with it the order of maps.
				{"func retake(now int64) uint32 {\n", "func retake(now int64) uint32 {\n\tif simulated {\n\t\treturn 0\n\t}\n"},
				// Goroutines of the global queue run when no others can, not at every 61st turn:
				// turns of goroutines outside the bubble count, too.
				{"if pp.schedtick%61 == 0 && !sched.runq.empty() {", "if pp.schedtick%61 == 0 && simState == 0 && !sched.runq.empty() {"},
				// A goroutine from outside that wakes up does not take the turn of one of the bubble.
				{"\trunqput(mp.p.ptr(), gp, next)\n\twakep()\n", "\trunqput(mp.p.ptr(), gp, next && gp.bubble != nil)\n\twakep()\n"},
				{"\t\trunqput(pp, newg, true)\n", "\t\trunqput(pp, newg, newg.bubble != nil)\n"},
			},
		},
		{
			name: "internal/sync/mutex.go",
			edits: []edit{
				// Whether a goroutine has waited too long for a lock is measured in real time.
				{"starving = starving || runtime_nanotime()-waitStartTime > starvationThresholdNs", "starving = starving && waitStartTime != 0"},
			},
		},
		// The order of a large map whose keys are pointers depends on where the heap has put them, and that on what
		// was allocated before: arguments, the environment, a log. These two are gone through, in the order of their keys' coming.
		{
			name: "context/context.go",
			edits: []edit{
				{"children map[canceler]struct{} // set", "children map[canceler]uint64 // set"},
				{"p.children = make(map[canceler]struct{})\n", "p.children = make(map[canceler]uint64)\n"},
				{"p.children[child] = struct{}{}\n", "p.children[child] = simCome.Add(1)\n"},
				{"\tfor child := range c.children {\n", "\tfor _, child := range simInOrder(c.children) {\n"},
			},
			append: inOrder,
		},
		{
			name: "net/http/server.go",
			edits: []edit{
				{"activeConn map[*conn]struct{}\n", "activeConn map[*conn]uint64\n"},
				{"s.activeConn = make(map[*conn]struct{})\n", "s.activeConn = make(map[*conn]uint64)\n"},
				{"s.activeConn[c] = struct{}{}\n", "s.activeConn[c] = simCome.Add(1)\n"},
				{"\tfor c := range s.activeConn {\n\t\tc.rwc.Close()\n", "\tfor _, c := range simInOrder(s.activeConn) {\n\t\tc.rwc.Close()\n"},
				{"\tfor c := range s.activeConn {\n\t\tst, unixSec", "\tfor _, c := range simInOrder(s.activeConn) {\n\t\tst, unixSec"},
			},
			append: inOrder,
		},
	}
}

// stream is the one stream of chance of goroutines in a bubble.
const stream = `
const simulated = true

var simState uint64

// SimSeed seeds the stream from which goroutines in a synctest bubble draw.
func SimSeed(seed uint64) { simState = seed }

//go:nosplit
func simOn() bool {
	mp := getg().m
	return mp != nil && mp.curg != nil && mp.curg.bubble != nil
}

//go:nosplit
func simNext() uint64 {
	simState += 0x9e3779b97f4a7c15
	z := simState
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

//go:nosplit
func simChoice(n uint32) uint32 {
	if !simOn() {
		return cheaprandn(n)
	}
	return uint32((simNext() >> 32) * uint64(n) >> 32)
}
`

// inOrder goes through a map in the order in which its keys came.
const inOrder = `
var simCome atomic.Uint64

func simInOrder[K comparable](came map[K]uint64) []K {
	list := make([]K, 0, len(came))
	for k := range came {
		list = append(list, k)
		for i := len(list) - 1; i > 0 && came[list[i]] < came[list[i-1]]; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
	}
	return list
}
`
