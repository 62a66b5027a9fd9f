package main

import (
	"fmt"
	"testing"
	"time"
)

func TestSpanText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 49 * time.Millisecond: "0s", 140 * time.Millisecond: "0.1s", 9960 * time.Millisecond: "10s",
		12400 * time.Millisecond: "12s", 59600 * time.Millisecond: "1m0s", 250 * time.Second: "4m10s", time.Hour - time.Millisecond: "1h0m",
		200 * time.Minute: "3h20m", 220 * time.Hour: "9d4h",
	} {
		if got := spanText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestParseEntry(t *testing.T) {
	for text, want := range map[string]string{
		"db": "db 1", "db:2": "db 2", "db:x": "db:x 1", "a:b:3": "a:b 3", ":3": ":3 1", "db:": "db: 1", "db:0": "db 0", "db:-1": "db -1",
	} {
		e := parseEntry(text, "concurrency")
		if got := fmt.Sprint(e.Name, " ", e.Slots); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
