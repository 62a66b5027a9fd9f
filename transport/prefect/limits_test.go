package prefect_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/prefect"
)

// What limitd does otherwise than Prefect's server, on purpose.

// A concurrency increment makes what it names, inactive; the answer lists it
// only where that was asked for, until somebody edits it.
func TestImplicitLimits(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/increment", `{"slots":1,"names":["rate"],"mode":"rate_limit"}`).must(200).is(`[]`)
	w.View(func(s *limit.State) {
		if _, made := s.Limit("rate"); made {
			t.Error("a rate_limit made a limit")
		}
	})
	w.post("/increment", ask).must(200).is(`[]`)
	if l := w.limit("db"); !l.implicit || l.active {
		t.Errorf("%+v", l)
	}
	if a := w.post("/increment-with-lease", ask).must(200); !strings.HasSuffix(a.body, `"limits":[]}`) {
		t.Error(a.body)
	}
	if a := w.post("/increment", `{"slots":1,"names":["db"],"create_if_missing":true}`).must(200); !strings.Contains(a.body, `"name":"db"`) {
		t.Error(a.body)
	}
	w.do("PATCH", limitsPath+"/db", `{"active":false}`).must(204)
	if a := w.post("/increment", ask).must(200); !strings.Contains(a.body, `"name":"db"`) {
		t.Error(a.body)
	}

	w = newWorldOf(t, prefect.Config{})
	w.post("/increment", ask).must(200).is(`[]`)
	w.do("GET", limitsPath+"/db", "").must(404)
}

// Whoever creates a limit that a program has named before gets it.
func TestCreateTakesOverAnImplicitLimit(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/increment", ask).must(200)
	w.post("/", `{"name":"db","limit":7,"slot_decay_per_second":0.016666666666666666}`).must(201)
	if a := w.do("GET", limitsPath+"/db", "").must(200); !strings.Contains(a.body, `"limit":7,"active_slots":0,"slot_decay_per_second":0.016666666666666666`) {
		t.Error(a.body)
	}
	w.post("/", `{"name":"db","limit":7}`).must(409)
}

// Setting the occupied slots harms no lease, and a form that was open for long
// adds none.
func TestSetActiveSlots(t *testing.T) {
	w, lease := one(t, 0)
	patch := func(body string, occupied int64) {
		t.Helper()
		w.do("PATCH", limitsPath+"/db", body).must(204)
		if l := w.limit("db"); l.occupied != occupied {
			t.Errorf("after %s %d are occupied, want %d", body, l.occupied, occupied)
		}
	}
	patch(`{"active_slots":0}`, 1)
	patch(`{"active":true,"name":"db","limit":5,"active_slots":0,"slot_decay_per_second":0}`, 1)
	patch(`{"active_slots":3}`, 3)
	w.release(lease)
	patch(`{"active_slots":3,"denied_slots":0,"limit":6}`, 2)
	patch(`{"active_slots":1,"denied_slots":0,"limit":6}`, 1)
	patch(`{"active_slots":0}`, 0)
	w.post("/leases/"+lease+"/renew", "").must(410)

	w.post("/", `{"name":"new","limit":5,"active_slots":4}`).must(201)
	if l := w.limit("new"); l.occupied != 4 {
		t.Errorf("%+v", l)
	}
}

// Slots without a lease and those of leases do not give back one another.
func TestAnonymousSlots(t *testing.T) {
	w, lease := one(t, 0)
	w.do("PATCH", limitsPath+"/db", `{"limit":3}`).must(204)
	w.post("/increment", ask).must(200)
	w.post("/decrement", `{"slots":9,"names":["db"],"occupancy_seconds":-1}`).must(200)
	if l := w.limit("db"); l.occupied != 1 {
		t.Errorf("%+v", l)
	}
	w.release(lease)
	w.release(lease)
	if l := w.limit("db"); l.occupied != 0 {
		t.Errorf("%+v", l)
	}
}

// A lease that ends by its time is gone for good, and its slots are free at once.
// It runs two seconds longer than was asked for.
func TestLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 0)
		w.pass(200 * time.Second)
		w.post("/leases/"+lease+"/renew", `{"lease_duration":60.5}`).must(204)
		w.pass(101 * time.Second)
		w.post("/increment", ask).must(423)
		w.pass(time.Second)
		w.post("/leases/"+lease+"/renew", "").must(410)
		w.post("/increment", ask).must(200)
	})
}

// Who edits a limit makes it one that somebody made, also where he changes nothing.
func TestAnEmptyEdit(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/increment", ask).must(200)
	before := w.do("GET", limitsPath+"/db", "").must(200).body
	w.Advance(time.Second)
	w.do("PATCH", limitsPath+"/db", "{}").must(204)
	if w.limit("db").implicit {
		t.Error("it is still implicit")
	}
	if after := w.do("GET", limitsPath+"/db", "").must(200).body; after == before {
		t.Errorf("nothing tells of the edit: %s", after)
	}
}

// A decrement lists what an increment would.
func TestDecrementHidesImplicitLimits(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/increment", ask).must(200).is("[]")
	w.post("/decrement", ask).must(200).is("[]")
	if a := w.post("/decrement", `{"slots":1,"names":["db"],"create_if_missing":true}`).must(200); !strings.Contains(a.body, `"name":"db"`) {
		t.Errorf("%s", a.body)
	}
}

// More limits than fit in a request are told as Prefect's server tells of lists.
func TestTooManyNames(t *testing.T) {
	w := newWorld(t, 0)
	names := `["0"`
	for i := 1; i <= 64; i++ {
		names += fmt.Sprintf(`,"%d"`, i)
	}
	body := `{"slots":1,"names":` + names + `]}`
	for _, path := range []string{"/increment", "/increment-with-lease", "/decrement"} {
		w.post(path, body).must(422).is(`{"exception_message":"Invalid request received.","exception_detail":[{"type":"too_long","loc":["body","names"],` +
			`"msg":"List should have at most 64 items after validation, not 65","input":` + names + `],` +
			`"ctx":{"actual_length":65,"field_type":"List","max_length":64}}],"request_body":` + body + `}`)
	}
}

// What a program computed is answered as it was given, however it is counted.
func TestComputedDecay(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/", `{"name":"db","limit":1,"slot_decay_per_second":0.7999999999999999}`).must(201)
	for _, decay := range []string{"0.7999999999999999", "0.30000000000000004", "0.3", "66.66666666666666"} {
		w.do("PATCH", limitsPath+"/db", `{"slot_decay_per_second":`+decay+`}`).must(204)
		if a := w.do("GET", limitsPath+"/db", "").must(200); !strings.Contains(a.body, `"slot_decay_per_second":`+decay+`}`) {
			t.Errorf("%s is answered as %s", decay, a.body)
		}
	}
}

// A lease that is renewed the moment that it was granted costs no record, and
// runs as long as the renewal says. What is given back is not renewed.
func TestRenewAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, lease := one(t, 0)
		records := 0
		w.before = func(command.Command) { records++ }
		renew := "/leases/" + lease + "/renew"
		w.post(renew, "").must(204)
		w.pass(2 * time.Second)
		w.post(renew, "").must(204)
		w.post(renew, `{"lease_duration":60}`).must(204)
		if records != 0 {
			t.Errorf("%d records", records)
		}
		w.pass(299 * time.Second)
		w.post("/increment", ask).must(423)
		records = 0
		w.post(renew, "").must(204)
		if records != 1 {
			t.Errorf("%d records for a later renewal", records)
		}
		w.pass(299 * time.Second)
		w.release(lease)
		w.post(renew, "").must(410)

		lease = w.post("/increment-with-lease", ask).lease()
		w.release(lease)
		w.post("/leases/"+lease+"/renew", "").must(410)
	})
}

// A lease that was ended elsewhere is not renewed from memory, once the node has
// heard of its end; one whose grant it has not heard of is.
func TestRenewOfALeaseThatEndedElsewhere(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/", `{"name":"db","limit":9}`).must(201)
	for _, end := range []func(id string) command.Op{
		func(id string) command.Op { return &command.Release{ID: id} },
		func(id string) command.Op {
			var token uint64
			w.View(func(s *limit.State) {
				list, _ := s.Leases(limit.LeaseFilter{}, 0, 1)
				token = list[0].Token
			})
			return &command.ForceRelease{Token: token}
		},
	} {
		lease := w.post("/increment-with-lease", ask).lease()
		w.behind = limit.New()
		w.post("/leases/"+lease+"/renew", "").must(204)
		w.apply(end(lease))
		w.post("/leases/"+lease+"/renew", "").must(204)
		w.behind = nil
		w.post("/leases/"+lease+"/renew", "").must(410)
	}
}

// The slots of a rate do not come back by the release of a lease.
func TestRateWithLease(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/", `{"name":"api","limit":1,"slot_decay_per_second":0.1}`).must(201)
	lease := w.post("/increment-with-lease", `{"slots":1,"names":["api"],"mode":"rate_limit"}`).lease()
	w.post("/leases/"+lease+"/renew", "").must(204)
	w.release(lease)
	w.post("/increment", `{"slots":1,"names":["api"],"mode":"rate_limit"}`).must(423)
	w.Advance(10 * time.Second)
	w.post("/increment", `{"slots":1,"names":["api"],"mode":"rate_limit"}`).must(200)
}

// A limit that is deleted while an increment waits is one that is missing.
func TestDeletedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := one(t, 25*time.Second)
		waiting := w.later(t.Context(), "/increment-with-lease", ask)
		synctest.Wait()
		w.do("DELETE", limitsPath+"/db", "").must(204)
		if a := (<-waiting).must(200); !strings.HasSuffix(a.body, `"limits":[]}`) {
			t.Error(a.body)
		}
		if l := w.limit("db"); !l.implicit {
			t.Errorf("%+v", l)
		}
	})
}

// A change by id hits the limit of that id, whatever is renamed meanwhile.
func TestChangeByID(t *testing.T) {
	w := newWorld(t, 0)
	id := w.post("/", `{"name":"a","limit":1}`).must(201).body[7:43]
	w.post("/", `{"name":"b","limit":2}`).must(201)
	swap := func(cmd command.Command) {
		if kind := cmd.Op.Kind(); kind != command.KindUpdateLimit && kind != command.KindDeleteLimit {
			return
		}
		w.before = nil
		w.do("PATCH", limitsPath+"/a", `{"name":"x"}`).must(204)
		w.do("PATCH", limitsPath+"/b", `{"name":"a"}`).must(204)
		w.do("PATCH", limitsPath+"/x", `{"name":"b"}`).must(204)
	}
	w.before = swap
	w.do("PATCH", limitsPath+"/"+id, `{"limit":11}`).must(204)
	if a := w.do("GET", limitsPath+"/b", "").must(200); !strings.Contains(a.body, `"limit":11`) {
		t.Error(a.body)
	}
	w.before = swap
	w.do("DELETE", limitsPath+"/"+id, "").must(204)
	if a := w.do("GET", limitsPath+"/b", "").must(200); !strings.Contains(a.body, `"limit":2`) {
		t.Error(a.body)
	}
}

// What only limitd's rules forbid is told in the form of Prefect's validation.
func TestOwnBounds(t *testing.T) {
	w := newWorld(t, 0)
	for _, body := range []string{
		`{"name":"..","limit":1}`, `{"name":"` + strings.Repeat("x", 256) + `","limit":1}`, `{"name":"a\u0007","limit":1}`,
		`{"name":"a","limit":9007199254740992}`, `{"name":"a","limit":1,"slot_decay_per_second":1e10}`,
		`{"name":"a","limit":1,"slot_decay_per_second":1e400}`,
	} {
		if a := w.post("/", body).must(422); !strings.Contains(a.body, `"exception_detail":[{"type":`) {
			t.Error(a.body)
		}
	}
	names := strings.Repeat(`"x",`, 100)
	for i := range 65 {
		names += `"x` + strings.Repeat("y", i) + `",`
	}
	w.post("/increment", `{"slots":1,"names":[`+names+`"x"]}`).must(422)
	w.post("/increment", `{"slots":1,"names":["`+strings.Repeat("x", 1<<20)+`"]}`).must(413)
	w.post("/", `{"name":"a","limit":1}`, "Sec-Fetch-Site: cross-site").must(403)
}

// A decay may be written in any way that Prefect's server reads.
func TestSignedDecay(t *testing.T) {
	w := newWorld(t, 0)
	for text, want := range map[string]string{`"+1"`: "1", `-0`: "0", `"-0.0"`: "0", `"1e0"`: "1", `true`: "1"} {
		w.post("/", `{"name":"a","limit":1,"slot_decay_per_second":`+text+`}`).must(201)
		if a := w.do("GET", limitsPath+"/a", "").must(200); !strings.Contains(a.body, `"slot_decay_per_second":`+want+`}`) {
			t.Errorf("%s: %s", text, a.body)
		}
		w.do("DELETE", limitsPath+"/a", "").must(204)
	}
}

// People who wonder who holds the slots are told what the client says of itself.
func TestOwner(t *testing.T) {
	w := newWorld(t, 0)
	w.post("/", `{"name":"db","limit":1}`).must(201)
	w.post("/increment-with-lease", `{"slots":1,"names":["db"],"holder":{"type":"flow_run","id":"018f3c5e00008000800000000000000a"}}`,
		"User-Agent: prefect/3.8.8 (API 0.8.4)", "X-Prefect-Flow-Name: etl", "X-Prefect-Worker-Name: w\xff7").must(200)
	w.View(func(s *limit.State) {
		list, _ := s.Leases(limit.LeaseFilter{}, 0, 10)
		o := list[0].Owner
		if o.Name != "flow_run:018f3c5e-0000-8000-8000-00000000000a" || o.Host != "192.0.2.1" || len(o.Meta) != 3 ||
			o.Meta[0] != (command.Pair{Key: "client", Value: "prefect/3.8.8 (API 0.8.4)"}) ||
			o.Meta[1] != (command.Pair{Key: "flow", Value: "etl"}) || o.Meta[2] != (command.Pair{Key: "worker", Value: "w7"}) {
			t.Errorf("%+v", o)
		}
	})
}
