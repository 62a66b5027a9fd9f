package sim_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/limitd/limitd/jepsen/sim"
)

func TestAScheduleIsRead(t *testing.T) {
	got, err := sim.ParseFaults("clock-wall@1s+9s:leader:by=1h kill@3s+500ms:n2,n1 lossy@5s+1s::by=20ms:rate=0.1")
	want := []sim.Fault{
		{Kind: "clock-wall", At: time.Second, For: 9 * time.Second, On: []int{0}, Size: time.Hour},
		{Kind: "kill", At: 3 * time.Second, For: 500 * time.Millisecond, On: []int{2, 1}},
		{Kind: "lossy", At: 5 * time.Second, For: time.Second, Size: 20 * time.Millisecond, Rate: 0.1},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, wrong := range []string{"kill", "kill@1s", "kill@1+2s", "kill@1s+2", "kill@1s+2s:x", "kill@1s+2s:n0", "kill@1s+2s:n1:to=3"} {
		if got, err := sim.ParseFaults(wrong); err == nil {
			t.Errorf("%s is read as %+v", wrong, got)
		}
	}
}
