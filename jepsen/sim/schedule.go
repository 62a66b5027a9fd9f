package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// schedule draws faults, so that at most a minority of the machines is broken
// at a time; but for one fault at most, which breaks more.
func schedule(dice *rand.Rand, p Plan) (faults []Fault) {
	broken := &outage{plan: p}
	add := func(dice *rand.Rand, kinds []kind) {
		k := draw(dice, kinds)
		f := Fault{Kind: k.name, At: moment(dice, p, faults), For: between(dice, 100*time.Millisecond, 5*time.Second)}
		k.draw(dice, p, &f)
		if broken.allow(k, f) {
			faults = append(faults, f)
		}
	}
	for range 6 + dice.IntN(12) {
		add(dice, kinds())
	}
	rare := rand.New(rand.NewPCG(p.Seed, 0x72617265))
	for range rare.IntN(5) {
		add(rare, rareKinds())
	}
	slices.SortStableFunc(faults, func(x, y Fault) int { return int(x.At - y.At) })
	return faults
}

// draw draws a kind by its weight.
func draw(dice *rand.Rand, kinds []kind) kind {
	sum := 0
	for _, k := range kinds {
		sum += k.weight
	}
	at := dice.IntN(sum)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			return k
		}
	}
	panic("sim: no kind of fault was drawn")
}

// moment draws when a fault comes: every third time just when another one
// begins or ends.
func moment(dice *rand.Rand, p Plan, before []Fault) time.Duration {
	if len(before) > 0 && dice.IntN(3) == 0 {
		f := before[dice.IntN(len(before))]
		at := f.At + time.Duration(dice.IntN(2))*f.For + between(dice, 0, 300*time.Millisecond)
		return min(at, p.Duration)
	}
	return between(dice, 200*time.Millisecond, p.Duration)
}

// recovery is how long after its mend a machine counts as broken still.
const recovery = 700 * time.Millisecond

// outage knows when how many machines are broken.
type outage struct {
	plan  Plan
	spans []span
	total bool // the one fault that breaks more than a minority is there
}

type span struct {
	from, to time.Duration
	machines []int
}

// allow tells whether a fault may be added, and notes it.
func (o *outage) allow(k kind, f Fault) bool {
	switch k.breaks {
	case nothing:
		return true
	case most:
		if o.total {
			return false
		}
		o.total = true
		return true
	}
	s := span{from: f.At, to: f.At + f.For + recovery, machines: f.On}
	if k.name == "one-way" {
		s.machines = f.On[:1] // as bad as one machine
	}
	hit := slices.Clone(s.machines)
	for _, t := range o.spans {
		if t.from < s.to && s.from < t.to {
			hit = append(hit, t.machines...)
		}
	}
	if machines(hit) > (o.plan.Nodes-1)/2 {
		return false
	}
	o.spans = append(o.spans, s)
	return true
}

// machines counts the machines of a list: each leader may be another one.
func machines(list []int) (n int) {
	slices.Sort(list)
	for i, m := range list {
		if m == 0 || i == 0 || m != list[i-1] {
			n++
		}
	}
	return n
}
