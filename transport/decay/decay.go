// Package decay reads and writes slot_decay_per_second: a limit's rate as a
// plain JSON number, as both HTTP APIs carry it.
//
// A rate in the log is an exact fraction (command.Rate). A decimal that the log
// can carry is taken to the digit, and what a program computed is taken for what
// it meant:
//
//	r, err := decay.Read("1e-05")              // exactly 1 slot in 100,000 s
//	r, err = decay.Read("0.016666666666666666") // what 1/60 is as a double: 1 slot in 60 s
//	decay.Number(r)                            // 0.016666666666666666
package decay

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/limitd/limitd/fsm/command"
)

// Read reads slots per second, a JSON number, digit by digit as it is written.
// A number of more digits than the log can carry is taken, if it is written as
// doubles are, for the simplest fraction that is the same double, or, where
// that would be too fine as well, agrees with it in nine digits; else, and beyond 0 and 1e-9 to 1e9,
// the error is command.ErrRate.
func Read(number string) (command.Rate, error) {
	plain := Plain(number)
	rate, err := command.ParseDecimal(plain)
	switch {
	case err == nil && rate.IsZero():
		return command.Rate{Text: "0/s"}, nil // however many digits it has
	case err == nil:
		return rate, nil
	}
	f, ferr := strconv.ParseFloat(plain, 64)
	if ferr != nil || !(f >= 1e-9 && f <= 1e9) || strconv.FormatFloat(f, 'f', -1, 64) != plain {
		return command.Rate{}, err
	}
	return simplest(f, plain+"/s"), nil
}

// ReadText reads a rate such as "10/m" (command.ParseRate), and the text that a
// rate read by Read has.
func ReadText(text string) (command.Rate, error) {
	rate, err := command.ParseRate(text)
	if number, perSecond := strings.CutSuffix(text, "/s"); err != nil && perSecond && number == Plain(number) {
		if read, nerr := Read(number); nerr == nil {
			return read, nil
		}
	}
	return rate, err
}

// PerSecond returns r in slots per second: the double that it was read from, where
// that was one, and else the nearest.
func PerSecond(r command.Rate) float64 {
	if r.IsZero() {
		return 0
	}
	exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Num), new(big.Int).SetUint64(r.Den))
	f, _ := exact.Mul(exact, big.NewRat(1e9, 1)).Float64()
	if number, perSecond := strings.CutSuffix(r.Text, "/s"); perSecond {
		if given, err := strconv.ParseFloat(number, 64); err == nil && math.Abs(given-f) <= 1e-9*f {
			return given
		}
	}
	return f
}

// Number returns PerSecond as the shortest decimal that is this double, so that every
// JSON library keeps it as it is.
func Number(r command.Rate) json.Number {
	return json.Number(strconv.FormatFloat(PerSecond(r), 'f', -1, 64))
}

// Plain writes a JSON number without its exponent: "1e-05" becomes "0.00001". A
// number that would become too long is returned as it is, which no rate takes.
func Plain(text string) string {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(text), "e")
	shift, err := strconv.Atoi(exponent)
	if !ok || err != nil || shift < -40 || shift > 40 {
		return text
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	point := len(whole) + shift
	digits := whole + frac
	if point <= 0 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	out := strings.TrimLeft(digits[:point], "0")
	if out == "" {
		out = "0"
	}
	if tail := strings.TrimRight(digits[point:], "0"); tail != "" {
		out += "." + tail
	}
	return out
}

// mostParts bounds a fraction's denominator, so that the rate in slots per
// nanosecond stays within what the log carries.
const mostParts = (1<<62 - 1) / 1_000_000_000

// simplest returns the first fraction of f's continued fraction that is f as a
// double; or, where that is finer than the log can carry, the last before it.
func simplest(f float64, text string) command.Rate {
	exact := new(big.Rat).SetFloat64(f)
	a, b := exact.Num(), exact.Denom()
	num, den := big.NewInt(1), big.NewInt(0)
	num2, den2 := big.NewInt(0), big.NewInt(1)
	best := new(big.Rat)
	for b.Sign() != 0 {
		part, rest := new(big.Int).QuoRem(a, b, new(big.Int))
		a, b = b, rest
		num, num2 = new(big.Int).Add(new(big.Int).Mul(part, num), num2), num
		den, den2 = new(big.Int).Add(new(big.Int).Mul(part, den), den2), den
		if den.Cmp(big.NewInt(mostParts)) > 0 {
			break
		}
		best.SetFrac(num, den)
		if near, _ := best.Float64(); near == f {
			break
		}
	}
	best.Quo(best, big.NewRat(1e9, 1))
	return command.Rate{Num: best.Num().Uint64(), Den: best.Denom().Uint64(), Text: text}
}
