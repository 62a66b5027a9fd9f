package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAxis(t *testing.T) {
	a := newAxis(time.Second, 3*time.Second)
	for at, want := range map[time.Duration]int{0: 0, time.Second: 0, 2 * time.Second: units / 2, 3 * time.Second: units, time.Hour: units} {
		if got := a.x(at); got != want {
			t.Errorf("%v lies at %d, want %d", at, got, want)
		}
	}
	if empty := newAxis(5, 5); empty.span() <= 0 {
		t.Errorf("an axis of no time has the span %v", empty.span())
	}
}

// TestTicks: the coarse ones are few, the finer ones divide them, and none is
// there twice.
func TestTicks(t *testing.T) {
	for _, span := range []time.Duration{time.Millisecond, 70 * time.Millisecond, time.Second, 12 * time.Second, 5 * time.Minute, 24 * time.Hour} {
		a := newAxis(0, span)
		coarse := 0
		last := time.Duration(-1)
		for _, tick := range a.ticks() {
			if tick.Level == 0 {
				coarse++
			}
			if tick.At <= last || tick.At > span {
				t.Errorf("%v: a tick at %v after one at %v", span, tick.At, last)
			}
			last = tick.At
		}
		if coarse < 5 || coarse > 15 {
			t.Errorf("%v has %d coarse ticks", span, coarse)
		}
	}
}

func TestLanes(t *testing.T) {
	of, n := lanes([]stretch{{0, 10}, {2, 4}, {3, 9}, {4, 5}, {10, 12}, {11, 11}, {11, 13}})
	if diff := cmp.Diff([]int{0, 1, 2, 1, 0, 1, 2}, of); diff != "" || n != 3 {
		t.Errorf("%d lanes, want 3: %s", n, diff)
	}
}

func TestUnionAndOutside(t *testing.T) {
	list := union([]stretch{{30, 40}, {0, 10}, {5, 12}, {12, 15}})
	equal := cmp.Comparer(func(x, y stretch) bool { return x == y })
	if diff := cmp.Diff([]stretch{{0, 15}, {30, 40}}, list, equal); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]stretch{{15, 30}, {40, 50}}, outside(stretch{0, 50}, list), equal); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]stretch{{15, 20}}, outside(stretch{0, 20}, list), equal); diff != "" {
		t.Error(diff)
	}
}

func TestPaths(t *testing.T) {
	var box, area, line path
	box.box(1, 2, 3, 4)
	area.area([]int{0, 10, 20, 30}, []int{5, 5, 2}, 9)
	line.line([]int{0, 10, 20, 30, 40}, []int{5, -1, 3, 1})
	for _, c := range []struct{ got, want string }{
		{box.String(), "M1 2h3v4h-3z"},
		{area.String(), "M0 9V5H20V2H30V9z"},
		{line.String(), "M0 5H10M20 3H30V1H40"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(0), "0"},
		{number(-1234567), "-1,234,567"},
		{number(uint64(999)), "999"},
		{moment(-1500 * time.Millisecond), "-1.500 s"},
		{moment(3723 * time.Second), "3,723.000 s"},
		{length(1500 * time.Microsecond), "1.50 ms"},
		{length(61 * time.Second), "61.0 s"},
		{length(90 * time.Minute), "90.0 min"},
		{length(0), "0 ns"},
		{seconds(1250 * time.Millisecond), "1.25"},
		{seconds(3600 * time.Second), "3,600"},
		{decimal(12.345), "12.3"},
		{per(10, 0), "–"},
		{short("abcdef", 4), "abc…"},
		{count(1, "fault"), "1 fault"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
