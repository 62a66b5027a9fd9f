package top

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/transport/wire"
)

var rewrite = flag.Bool("rewrite", false, "write what was rendered to testdata")

func limit(name string, slots, occupied, waiting, denied int64) Limit {
	return Limit{State: "active", Limit: wire.Limit{
		ID: "id-" + name, Name: name, Slots: slots, Rate: "0/s",
		Status: wire.LimitStatus{Occupied: occupied, Waiting: waiting, Denied: denied},
	}}
}

// samples are two, two seconds apart. Between them n3 has started anew, n2 has
// gone, and the limit "new" was made.
func samples() (before, now Sample) {
	nodes := []wire.Node{{ID: "1", Name: "n1", Alive: true}, {ID: "2", Name: "n2"}, {ID: "3", Name: "n3", Alive: true}}
	before = Sample{
		At:       time.Unix(100, 0),
		Cluster:  wire.Cluster{Leader: "n2", Term: 6, Nodes: nodes},
		Limits:   []Limit{limit("db", 5, 1, 0, 7), limit("gpu", 2, 2, 3, 0)},
		Counters: map[string]Counters{"1": {Granted: 100, Denied: 10}, "2": {Granted: 50}, "3": {Granted: 1000, Denied: 1000}},
	}
	now = Sample{
		At:       time.Unix(102, 0),
		Cluster:  wire.Cluster{Leader: "n1", Term: 7, Nodes: nodes},
		Limits:   []Limit{limit("db", 5, 4, 0, 10), limit("gpu", 2, 2, 12, 0), limit("new", 100, 1, 0, 5), limit("none", 0, 0, 0, 0)},
		Counters: map[string]Counters{"1": {Granted: 2500, Denied: 11, Leases: 7, Waiters: 9}, "3": {Granted: 4, Denied: 2, Leases: 6, Waiters: 8}},
	}
	now.Limits[0].Rate = "100/m"
	now.Limits[0].Status.AvgSlotOccupancy = wire.Duration(2500 * time.Millisecond)
	now.Limits[1].Oldest = wire.Duration(754 * time.Second).Ptr()
	now.Limits[1].State = "shadow"
	return before, now
}

func TestCompare(t *testing.T) {
	before, now := samples()
	look := Compare(before, now)
	want := Totals{
		Leader: "n1", Term: 7, Nodes: 3, Alive: 2, Counted: 2, Limits: 4, Waiting: 9, Leases: 7,
		Granted: new(1202.0), Denied: new(1.5),
	}
	if diff := cmp.Diff(want, look.Totals); diff != "" {
		t.Errorf("the totals (-want +got):\n%s", diff)
	}
	for i, want := range []*float64{new(1.5), new(0.0), nil, nil} {
		if diff := cmp.Diff(want, look.Limits[i].Denied); diff != "" {
			t.Errorf("denied at %s (-want +got):\n%s", look.Limits[i].Name, diff)
		}
	}
	first := Compare(Sample{}, now)
	if first.Totals.Granted != nil || first.Limits[0].Denied != nil {
		t.Errorf("the first look has rates: %+v", first)
	}
}

// TestRender holds what is shown to testdata/*.txt; -rewrite writes them.
func TestRender(t *testing.T) {
	before, now := samples()
	look := Compare(before, now)
	for name, test := range map[string]struct {
		look          Look
		view          View
		width, height int
	}{
		"all":       {look, View{Sort: ByUse}, 0, 0},
		"narrow":    {look, View{Sort: ByName, Reverse: true}, 76, 6},
		"colour":    {look, View{Sort: ByWaiting, Colour: true}, 120, 24},
		"filter":    {look, View{Sort: ByName, Filter: "g", Paused: true}, 80, 24},
		"typing":    {look, View{Sort: ByName, Filter: "zz", typing: true}, 80, 24},
		"help":      {look, View{Help: true}, 80, 24},
		"nobody":    {Look{}, View{Sort: ByUse}, 80, 24},
		"beginning": {Compare(Sample{}, Sample{}), View{Sort: ByUse}, 80, 24},
	} {
		t.Run(name, func(t *testing.T) {
			got := Render(test.look, &test.view, test.width, test.height)
			golden := filepath.Join("testdata", name+".txt")
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("it looks different (-want +got):\n%s", diff)
			}
		})
	}
}

func names(rows []Row) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Name)
	}
	return strings.Join(list, " ")
}

func TestSorting(t *testing.T) {
	before, now := samples()
	look := Compare(before, now)
	for by, want := range map[string]string{
		ByName:    "db gpu new none",
		ByUse:     "gpu none db new",
		ByWaiting: "gpu db new none",
		ByOldest:  "gpu db new none",
		ByDenied:  "db gpu new none",
		ByHeld:    "db gpu new none",
	} {
		v := &View{Sort: by}
		if got := names(v.Rows(look)); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	if len(Orders()) != 6 {
		t.Errorf("a test is missing for one of %v", Orders())
	}
}

func TestKeys(t *testing.T) {
	for _, test := range []struct {
		keys string // one a word; ESC and so on by name
		want View
	}{
		{"w", View{Sort: ByWaiting}},
		{"w w", View{Sort: ByWaiting, Reverse: true}},
		{"w w w", View{Sort: ByWaiting}},
		{"w w u", View{Sort: ByUse}},
		{"n r", View{Sort: ByName, Reverse: true}},
		{"p", View{Paused: true}},
		{"p p ?", View{Help: true}},
		{"? ESC", View{}},
		{"/ q ä ENTER", View{Filter: "qä"}},
		{"/ q ä BACK BACK BACK x", View{Filter: "x", typing: true}},
		{"/ q ESC", View{}},
		{"/ q ENTER ESC", View{}},
		{"j j k", View{top: 1}},
		{"PGDN DOWN UP", View{top: 10}},
		{"PGDN PGUP", View{}},
		{"PGDN g", View{}},
		{"PGDN n", View{Sort: ByName}},
	} {
		v := View{}
		for _, key := range strings.Fields(test.keys) {
			named := map[string]string{"ESC": "\x1b", "ENTER": "\r", "BACK": "\x7f", "PGDN": "\x1b[6~", "PGUP": "\x1b[5~", "DOWN": "\x1b[B", "UP": "\x1b[A"}
			if k, ok := named[key]; ok {
				key = k
			}
			if v.Press(key) {
				t.Errorf("%s quits", test.keys)
			}
		}
		if v != test.want {
			t.Errorf("%s: %+v, want %+v", test.keys, v, test.want)
		}
	}
	for _, key := range []string{"q", "\x03"} {
		if v := (&View{}); !v.Press(key) {
			t.Errorf("%q does not quit", key)
		}
	}
}

// TestScrollingStops at the ends, whatever the height.
func TestScrollingStops(t *testing.T) {
	before, now := samples()
	look := Compare(before, now)
	for _, height := range []int{0, 1, 5, 6, 24} {
		v := &View{Sort: ByName}
		v.Press("\x1b[6~")
		if text := Render(look, v, 80, height); !strings.Contains(text, "\nnone ") {
			t.Errorf("height %d: the last row is not shown:\n%s", height, text)
		}
		v.Press("\x1b[5~")
		if text := Render(look, v, 80, height); !strings.Contains(text, "\ndb ") {
			t.Errorf("height %d: the first row is not shown:\n%s", height, text)
		}
	}
}

func TestTexts(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "-", time.Microsecond: "0ms", 12 * time.Millisecond: "12ms", 1234 * time.Millisecond: "1.2s",
		90 * time.Second: "90s", 3 * time.Minute: "3m", 20 * time.Hour: "20h", 72 * time.Hour: "3d",
	} {
		if got := spanText(wire.Duration(d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for rate, want := range map[float64]string{0: "0", 0.5: "0.5", 9.9: "9.9", 1234.5: "1234"} {
		if got := rateText(&rate); got != want {
			t.Errorf("%v: %s, want %s", rate, got, want)
		}
	}
	for share, want := range map[float64]string{0: "[          ]", 0.001: "[|         ]", 0.99: "[||||||||| ]", 1: "[||||||||||]", 3: "[||||||||||]"} {
		if got := bar(share); got != want {
			t.Errorf("%v: %s, want %s", share, got, want)
		}
	}
}
