package limit_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

func TestSmoke(t *testing.T) {
	s := limit.New()
	idx := uint64(0)
	do := func(at int64, id string, op command.Op) command.Result {
		idx++
		b := command.Encode(command.Command{Header: command.Header{Stamp: at, Term: 1, ID: id, Accepted: at}, Op: op})
		c, err := command.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		a := s.Apply(idx, 1, c)
		fmt.Printf("%d %v %+v\n", at/1e6, op.Kind(), a.Result)
		for _, o := range a.Outcomes {
			fmt.Printf("   -> %s %+v\n", o.ID, o.Result)
		}
		var buf bytes.Buffer
		if err := s.Snapshot().Write(&buf); err != nil {
			t.Fatal(err)
		}
		r, err := limit.Restore(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if r.Snapshot().Digest() != s.Snapshot().Digest() {
			t.Fatal("digest differs after restore\n"+limit.Dump(s)+"\n"+limit.Dump(r))
		}
		return a.Result
	}
	do(0, "", &command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: 1})
	do(1e6, "k/1", &command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 2, Active: true}})
	rate, _ := command.ParseRate("10/s")
	do(1e6, "k/2", &command.PutLimit{Name: "api", Settings: command.LimitSettings{Slots: 1, Active: true, Rate: rate}})
	acq := func(at int64, id string, wait int64, es ...command.Entry) {
		do(at, id, &command.Acquire{Entries: es, Wait: wait, TTL: 5e9})
	}
	e := func(n string, k int64) command.Entry { return command.Entry{Name: n, Slots: k} }
	acq(10e6, "a", 0, e("db", 2))
	acq(20e6, "b", 0, e("db", 1))
	acq(30e6, "c", 10e9, e("db", 1), e("api", 1))
	acq(30e6, "d", 10e9, e("db", 1))
	acq(30e6, "d", 10e9, e("db", 1))
	do(50e6, "", &command.Release{Token: 1})
	do(60e6, "", &command.Release{Token: 1})
	for i := range 5 {
		do(100e6, fmt.Sprintf("r%d", i), &command.Acquire{Entries: []command.Entry{{Name: "api", Slots: 1, Mode: command.RateLimit}}, Wait: 10e9})
	}
	do(400e6, "", &command.Tick{})
	do(900e6, "", &command.Tick{})
	do(9e9, "", &command.Tick{})
	l, _ := s.Limit("db")
	fmt.Printf("%+v\n", l)
	at, ok := s.NextDue()
	fmt.Println(at, ok, s.Busy(), s.Counts())
}
