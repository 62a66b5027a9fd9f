package check_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
)

// TestNonsenseIsJudgedToo changes correct histories at random, beyond anything
// that a cluster could answer: no checker panics or goes on for ever.
func TestNonsenseIsJudgedToo(t *testing.T) {
	for seed := range uint64(60) {
		c := plain()
		c.seed, c.restore, c.length = seed, seed%2 == 0, 2*time.Second
		h, _ := play(c)
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 1 + rng.IntN(30) {
			distort(rng, &h.Ops[rng.IntN(len(h.Ops))])
		}
		for i := range h.Leaders {
			if x := &h.Leaders[i]; rng.IntN(5) == 0 {
				x.Node, x.Term, x.At, x.Until = node(rng), rng.Uint64N(9), time.Duration(rng.Int64()), time.Duration(rng.Int64())
			}
		}
		check.All(h)
		check.Enough(h)
	}
}

func distort(rng *rand.Rand, o *history.Op) {
	switch rng.IntN(13) {
	case 0:
		o.Index = rng.Uint64()
	case 1:
		o.Time = rng.Int64() - rng.Int64()
	case 2:
		o.Call, o.Return = o.Return, o.Call
	case 3:
		o.Token = rng.Uint64N(100)
	case 4:
		o.Outcome = []history.Outcome{history.OK, history.Unknown, history.Refused, "?"}[rng.IntN(4)]
	case 5:
		o.ID = ""
	case 6:
		o.Limits = nil
	case 7:
		o.Granted = append(o.Granted, history.Granted{Name: "db", Slots: rng.Int64N(9) - 4, Counted: true, Ordinals: []uint32{rng.Uint32()}})
	case 8:
		o.Kind = []history.Kind{history.Acquire, history.Release, history.Renew, history.Put, history.Delete, history.Restore, history.ReadID}[rng.IntN(7)]
	case 9:
		o.TTL, o.Wait, o.Waited = time.Duration(rng.Int64()), time.Duration(rng.Int64()), time.Duration(rng.Int64())
	case 10:
		o.ExpiresIn = time.Duration(rng.Int64() - rng.Int64())
	case 12:
		o.Code, o.RetryAfter, o.Ahead = "denied", time.Duration(rng.Int64()-rng.Int64()), rng.Int64N(3)-1
	case 11:
		o.Config = &history.Settings{Slots: rng.Int64N(5) - 1, RateNum: rng.Uint64(), RatePer: time.Duration(rng.Int64N(3))}
	}
}

// FuzzAll has anything that can be read as a history judged.
func FuzzAll(f *testing.F) {
	for seed := range uint64(3) {
		c := plain()
		c.seed, c.length, c.clients = seed, 50*ms, 2
		h, _ := play(c)
		var b bytes.Buffer
		if err := history.Encode(&b, h); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		if h, err := history.Decode(bytes.NewReader(text)); err == nil {
			check.All(h)
			check.Enough(h)
		}
	})
}
