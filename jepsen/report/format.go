package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes n with commas between thousands.
func number[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// per writes n events in d as a rate per second.
func per(n int, d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return decimal(float64(n) / d.Seconds())
}

// decimal writes x with as many places as are worth reading.
func decimal(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "–"
	case math.Abs(x) >= 100:
		return number(int64(math.Round(min(max(x, -1e18), 1e18))))
	case math.Abs(x) >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// moment writes a time of the run, to the millisecond.
func moment(d time.Duration) string {
	ms := d.Milliseconds()
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	return fmt.Sprintf("%s%s.%03d s", sign, number(ms/1000), ms%1000)
}

// length writes a duration with three figures and its unit.
func length(d time.Duration) string {
	abs := max(d, -d)
	switch {
	case abs >= 10*time.Minute:
		return figures(d.Minutes()) + " min"
	case abs >= time.Second:
		return figures(d.Seconds()) + " s"
	case abs >= time.Millisecond:
		return figures(float64(d)/float64(time.Millisecond)) + " ms"
	case abs >= time.Microsecond:
		return figures(float64(d)/float64(time.Microsecond)) + " µs"
	}
	return strconv.FormatInt(int64(d), 10) + " ns"
}

func figures(x float64) string {
	switch abs := math.Abs(x); {
	case abs >= 100:
		return number(int64(math.Round(x)))
	case abs >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

// count writes "1 call", "2 calls".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(n) + " " + noun + "s"
}

// short cuts s to at most n runes.
func short(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// seconds writes a tick's time in seconds, without needless zeros.
func seconds(d time.Duration) string {
	s := strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err == nil {
		whole = number(n)
	}
	if part = strings.TrimRight(part, "0"); part == "" {
		return whole
	}
	return whole + "." + part
}

// amount writes x as a whole number where it is one.
func amount(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return number(int64(x))
	}
	return decimal(x)
}

// timeOf lets an index multiply a duration.
func timeOf(i int) time.Duration { return time.Duration(i) }
