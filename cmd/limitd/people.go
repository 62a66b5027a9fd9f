package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// ownerText names an owner for people: "etl@w7 (pid 4711, run=a1)"; "-" where
// nobody said who it is.
func ownerText(o wire.Owner) string {
	text := o.Name
	if o.Host != "" {
		text += "@" + o.Host
	}
	var more []string
	if o.PID != 0 {
		more = append(more, "pid "+strconv.FormatInt(o.PID, 10))
	}
	for _, key := range slices.Sorted(maps.Keys(o.Meta)) {
		more = append(more, key+"="+o.Meta[key])
	}
	if len(more) > 0 {
		text = strings.TrimSpace(text + " (" + strings.Join(more, ", ") + ")")
	}
	if text == "" {
		return noOwner
	}
	return clean(text)
}

// ofOwner names an owner behind something: " of etl@w7"; nothing where nobody said
// who it is.
func ofOwner(o wire.Owner) string {
	if text := ownerText(o); text != noOwner {
		return " of " + text
	}
	return ""
}

// noOwner stands for an owner that nobody named.
const noOwner = "-"

// spanText writes a span with as many digits as matter: 0.3s, 12s, 4m10s, 3h20m,
// 9d4h.
func spanText(d time.Duration) string {
	const day = 24 * time.Hour
	if d = max(0, d.Round(100*time.Millisecond)); d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	switch {
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
	case d < time.Hour:
		return twoUnits(d, time.Minute, "m", time.Second, "s")
	case d < 2*day:
		return twoUnits(d, time.Hour, "h", time.Minute, "m")
	}
	return twoUnits(d, day, "d", time.Hour, "h")
}

func twoUnits(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	return fmt.Sprintf("%d%s%d%s", d/big, bigName, d%big/small, smallName)
}

// maybeSpan writes a span that may not be known.
func maybeSpan(d *wire.Duration) string {
	if d == nil {
		return "-"
	}
	return spanText(time.Duration(*d))
}
