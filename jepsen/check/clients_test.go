package check_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// body is a client: it asks, holds, renews, lets go, and looks around.
type body struct {
	w      *world
	c      setting
	client int
	made   int
}

func (b *body) op(kind history.Kind) *history.Op {
	return &history.Op{Client: b.client, Kind: kind, Node: "n1"}
}

func (b *body) next() {
	if b.w.now > b.w.until {
		return
	}
	switch n := b.w.rng.IntN(10); {
	case n == 0:
		o := b.op(history.ReadLimit)
		o.Limits = []history.Want{{Name: b.pick()}}
		b.w.call(o, b.c.calm, b.soon)
	default:
		b.acquire()
	}
}

func (b *body) soon() { b.w.at(b.w.later(40*ms), b.next) }

func (b *body) pick() string { return b.c.names[b.w.rng.IntN(len(b.c.names))] }

func (b *body) want(name string) history.Want {
	w := history.Want{Name: name, Slots: 1 + b.w.rng.Int64N(2), Rate: b.c.limits[name].RateNum > 0}
	if b.c.run == check.Oversupply {
		w.Slots = 1
	}
	return w
}

func (b *body) acquire() {
	b.made++
	o := b.op(history.Acquire)
	o.ID, o.TTL = fmt.Sprintf("c%d-%d", b.client, b.made), time.Duration(1+b.w.rng.IntN(2))*time.Second
	o.Limits = []history.Want{b.want(b.pick())}
	if b.c.run == patient {
		b.beside(o)
		return
	}
	if other := b.pick(); other != o.Limits[0].Name && b.w.rng.IntN(4) == 0 {
		o.Limits = append(o.Limits, b.want(other))
	}
	switch {
	case b.c.run == check.Oversupply:
		o.Wait = 20 * time.Second
	case b.c.tries:
		o.Limits = []history.Want{b.want("api")}
	case b.w.rng.IntN(2) == 0:
		o.Wait = time.Duration(1+b.w.rng.IntN(800)) * ms
	}
	b.w.call(o, b.c.calm, func() { b.got(o) })
}

// patient is a run in which the first client wants all slots of all limits, the
// second holds one for long, and the others do for a moment.
const patient = "patience"

func (b *body) beside(o *history.Op) {
	o.Limits[0].Slots, o.Wait = 1, time.Duration(b.w.rng.IntN(200))*ms
	hold := b.w.rng.IntN(80)
	switch b.client {
	case 1:
		o.Limits, o.Wait, hold = nil, 20*time.Second, 1
		for _, name := range b.c.names {
			o.Limits = append(o.Limits, history.Want{Name: name, Slots: b.c.limits[name].Slots})
		}
	case 2:
		hold = 300 + b.w.rng.IntN(600)
	}
	b.w.call(o, b.c.calm, func() {
		if o.Token == 0 {
			b.soon()
			return
		}
		b.w.at(b.w.now+time.Duration(hold)*ms, func() { b.letGo(o, b.soon) })
	})
}

// got goes on with what an acquire was answered.
func (b *body) got(o *history.Op) {
	switch {
	case o.Outcome == history.Unknown:
		b.w.at(b.w.later(30*ms), func() { b.settle(o) })
	case b.c.run == check.Oversupply:
		b.next()
	case o.Token == 0 || o.ExpiresIn == 0:
		b.soon()
	default:
		b.hold(o, o.Call+o.Waited+o.TTL-o.TTL/50-10*ms)
	}
}

// settle finds out what became of an acquire, or leaves it.
func (b *body) settle(o *history.Op) {
	switch b.w.rng.IntN(3) {
	case 0:
		again := b.op(history.Acquire)
		again.Ask = o.Ask
		b.w.call(again, true, func() {
			again.Call, o.Call = o.Call, again.Call // a lease counts from the first sending
			b.got(again)
			again.Call, o.Call = o.Call, again.Call
		})
	case 1:
		c := b.op(history.Cancel)
		c.ID = o.ID
		b.w.call(c, b.c.calm, func() { b.askAgain(o, b.soon) })
	default:
		b.soon()
	}
}

// askAgain sends an acquire once more, though its outcome is known.
func (b *body) askAgain(o *history.Op, then func()) {
	if b.w.rng.IntN(3) > 0 {
		then()
		return
	}
	again := b.op(history.Acquire)
	again.Ask = o.Ask
	b.w.call(again, b.c.calm, then)
}

// hold keeps a lease for a while, in the belief to have it until an instant.
func (b *body) hold(o *history.Op, end time.Duration) {
	believed := history.Belief{Client: b.client, Token: o.Token, Granted: o.Granted, From: b.w.now, To: end}
	b.write(o)
	long := 300 * ms
	if b.w.rng.IntN(5) == 0 {
		long = 4 * o.TTL / 5
		b.w.at(b.w.later(long), func() { b.askAgain(o, func() {}) })
	}
	b.w.at(b.w.later(long), func() {
		switch b.w.rng.IntN(8) {
		case 0: // let it run out
			b.believe(believed, end)
			b.w.at(b.w.now+b.w.until/20, b.next)
		case 1, 2:
			b.renew(o, believed)
		case 3:
			b.believe(believed, min(end, b.w.now))
			b.letGo(o, func() { b.letGo(o, b.soon) })
		case 4: // a renew that comes too late
			b.believe(believed, end)
			b.w.at(b.w.now+o.TTL+20*ms, func() { b.renew(o, history.Belief{}) })
		default:
			b.believe(believed, min(end, b.w.now))
			b.letGo(o, func() { b.askAgain(o, b.soon) })
		}
	})
}

// believe notes a belief that has ended.
func (b *body) believe(x history.Belief, at time.Duration) {
	if x.To = at; x.From < x.To {
		b.w.h.Beliefs = append(b.w.h.Beliefs, x)
	}
}

func (b *body) renew(o *history.Op, believed history.Belief) {
	r := b.op(history.Renew)
	r.Tokens, r.TTL = []uint64{o.Token}, time.Duration(1+b.w.rng.IntN(2))*time.Second
	b.w.call(r, b.c.calm, func() {
		if believed.Token != 0 {
			b.believe(believed, min(believed.To, r.Call))
		}
		b.letGo(o, b.soon)
	})
}

func (b *body) letGo(o *history.Op, then func()) {
	r := b.op(history.Release)
	if b.w.rng.IntN(3) == 0 {
		r.ID = o.ID
	} else {
		r.Tokens = []uint64{o.Token}
	}
	b.w.call(r, b.c.calm, then)
}

// write writes to what the lease guards.
func (b *body) write(o *history.Op) {
	if len(o.Granted) == 0 {
		return // its limits were deleted
	}
	name := o.Granted[0].Name
	accepted := o.Token >= b.w.high[name]
	if accepted {
		b.w.high[name] = o.Token
	}
	b.w.h.Writes = append(b.w.h.Writes, history.Write{Client: b.client, Resource: name, Token: o.Token, At: b.w.now, Accepted: accepted})
}

// operator changes limits while they are used.
type operator struct {
	w    *world
	c    setting
	sets map[string]history.Settings
}

func (p *operator) next() {
	if p.w.now > p.w.until {
		return
	}
	then := func() { p.w.at(p.w.later(400*ms), p.next) }
	name := p.c.names[p.w.rng.IntN(len(p.c.names))]
	o := &history.Op{Kind: history.Put, Ask: history.Ask{ID: fmt.Sprintf("op-%d", p.w.made), Limits: []history.Want{{Name: name}}}}
	set := p.sets[name]
	switch p.w.rng.IntN(6) {
	case 0:
		o.Kind = history.Reset
	case 5:
		o.Kind = history.Delete
		make := &history.Op{Kind: history.Put, Ask: o.Ask}
		make.ID, make.Config = o.ID+"-again", &set
		p.w.call(o, p.c.calm, func() { p.w.call(make, p.c.calm, then) })
		return
	case 1:
		o.Kind, o.Limits = history.Force, nil
		tokens := slices.Sorted(maps.Keys(p.w.toy.leases))
		if len(tokens) == 0 {
			then()
			return
		}
		o.Tokens = tokens[:1]
	case 2:
		set.Inactive = p.w.rng.IntN(2) == 0
		o.Config = &set
	default:
		set.Slots = max(2, set.Slots+p.w.rng.Int64N(3)-1)
		o.Config = &set
	}
	p.w.call(o, p.c.calm, then)
}
