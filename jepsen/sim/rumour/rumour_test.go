package rumour

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/limitd/limitd/cluster/gossip"
)

// three returns the voices of three machines that have told their names.
func three(t *testing.T) (*Rumour, [3]*Voice) {
	t.Helper()
	r := New(1)
	var voices [3]*Voice
	for i := range voices {
		voices[i] = join(t, r, i+1)
	}
	return r, voices
}

func join(t *testing.T, r *Rumour, number int) *Voice {
	t.Helper()
	name := fmt.Sprint("n", number)
	v := r.Join("id-"+name, name, name+":7482")
	if err := v.SetTags(gossip.Tags{ID: "id-" + name, Name: name}); err != nil {
		t.Fatal(err)
	}
	return v
}

// knows says what a voice knows: the names of all, of the dead in brackets.
func knows(v *Voice) (text string) {
	for _, m := range v.Members() {
		if m.Alive {
			text += m.Name + " "
		} else {
			text += "(" + m.Name + ") "
		}
	}
	return text
}

func TestWordsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, v := three(t)
		want := func(when string, after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			for i, text := range want {
				if got := knows(v[i]); got != text {
					t.Errorf("%s n%d knows %s, not %s", when, i+1, got, text)
				}
			}
		}
		want("at once", 0, "n1 ", "n2 ", "n3 ")
		want("soon", slowest, "n1 n2 n3 ", "n1 n2 n3 ", "n1 n2 n3 ")

		r.Cut("n1", "n2")
		want("over a third machine", 2*Silence, "n1 n2 n3 ", "n1 n2 n3 ", "n1 n2 n3 ")
		r.Cut("n1", "n3")
		want("when n1 is cut off", Silence/2, "n1 n2 n3 ", "n1 n2 n3 ", "n1 n2 n3 ")
		want("when it is for long", Silence, "n1 (n2) (n3) ", "(n1) n2 n3 ", "(n1) n2 n3 ")
		if err := v[2].SetTags(gossip.Tags{ID: "id-n3", Name: "third"}); err != nil {
			t.Fatal(err)
		}
		want("of a word on the other side", slowest, "n1 (n2) (n3) ", "(n1) n2 third ")
		r.Mend("n3", "n1")
		want("after the mend", slowest, "n1 n2 third ", "n1 n2 third ", "n1 n2 third ")

		v[1].Die()
		want("when n2 has died", Silence/2, "n1 n2 third ")
		want("after a while", Silence, "n1 (n2) third ", "n1 n2 third ", "n1 (n2) third ")
		if v[1].SetTags(gossip.Tags{}) == nil {
			t.Error("the dead spoke")
		}
		v[1] = join(t, r, 2)
		want("of a new start", slowest, "n1 n2 third ", "n1 n2 third ", "n1 n2 third ")
		if err := v[2].Close(); err != nil {
			t.Fatal(err)
		}
		want("after a farewell", slowest+time.Millisecond, "n1 n2 (third) ", "n1 n2 (third) ")
	})
}

func TestAShortCutIsNotNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, v := three(t)
		time.Sleep(slowest)
		for range 4 {
			r.Cut("n1", "n2")
			r.Cut("n1", "n3")
			time.Sleep(Silence - time.Millisecond)
			r.Mend("n1", "n3")
			time.Sleep(time.Millisecond)
			r.Mend("n1", "n2")
			if got := knows(v[1]); got != "n1 n2 n3 " {
				t.Fatalf("n2 knows %s", got)
			}
		}
	})
}

// TestWhoWaitsIsWoken has a voice wait for a word.
func TestWhoWaitsIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, v := three(t)
		time.Sleep(slowest)
		wait, began := v[0].Changed(), time.Now()
		join(t, r, 4)
		if err := wait(t.Context()); err != nil || time.Since(began) > slowest || knows(v[0]) != "n1 n2 n3 n4 " {
			t.Errorf("%v after %v: it knows %s", err, time.Since(began), knows(v[0]))
		}
	})
}
