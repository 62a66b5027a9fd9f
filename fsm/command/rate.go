package command

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Rate is how fast a limit's slots decay: exactly Num slots in Den nanoseconds
// of cluster time, in lowest terms. The zero Rate means no decay.
//
// The supported range is 0, and 10^-9 to 10^9 slots a second; reduced, both
// numbers stay below 2^62, so that 128-bit products hold a century of
// nanoseconds without rounding.
type Rate struct {
	Num, Den uint64
	Text     string // as it was given: "10/m"
}

// ErrRate says that a rate cannot be read or is beyond the supported range.
var ErrRate = errors.New("not a rate that limitd supports")

// IsZero tells whether nothing decays.
func (r Rate) IsZero() bool { return r.Num == 0 }

// Same tells whether both rates are the same number, however they were written.
func (r Rate) Same(o Rate) bool { return r.Num == o.Num && r.Den == o.Den }

const maxTerm = 1 << 62

// ParseRate reads a rate such as "10/m", "2.5/s" or "0/s"; the units are ns,
// us, ms, s, m, h and d. It returns ErrRate for what is not one, or lies
// outside 0 and 10^-9 to 10^9 slots a second.
func ParseRate(text string) (Rate, error) {
	count, unit, ok := strings.Cut(text, "/")
	ns := unitNanoseconds(unit)
	if !ok || ns == 0 {
		return Rate{}, fmt.Errorf("%w: %q; write slots per unit, such as \"10/m\" (units: ns us ms s m h d)", ErrRate, text)
	}
	return newRate(text, count, ns)
}

// ParseDecimal reads slots per second, such as "0.1", as the exact decimal that
// is written. The rate's text becomes "0.1/s".
func ParseDecimal(text string) (Rate, error) { return newRate(text+"/s", text, 1e9) }

func newRate(text, count string, unit int64) (Rate, error) {
	if !isDecimal(count) {
		return Rate{}, fmt.Errorf("%w: %q is not a plain decimal number of at most 30 characters, 0 or above", ErrRate, count)
	}
	perUnit, ok := new(big.Rat).SetString(count)
	if !ok {
		return Rate{}, fmt.Errorf("%w: %q", ErrRate, text)
	}
	if perUnit.Sign() == 0 {
		return Rate{Text: text}, nil
	}
	perNano := perUnit.Quo(perUnit, new(big.Rat).SetInt64(unit))
	num, den := perNano.Num(), perNano.Denom()
	slowest := big.NewRat(1, 1e18)
	if perNano.Cmp(big.NewRat(1, 1)) > 0 || perNano.Cmp(slowest) < 0 || num.BitLen() > 62 || den.BitLen() > 62 {
		return Rate{}, fmt.Errorf("%w: %q; supported are 0 and 1e-9 to 1e9 slots a second, in terms below 2^62", ErrRate, text)
	}
	return Rate{Num: num.Uint64(), Den: den.Uint64(), Text: text}, nil
}

func isDecimal(s string) bool {
	digits, points := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1 && len(s) <= 30
}

func unitNanoseconds(unit string) int64 {
	switch unit {
	case "ns":
		return 1
	case "us":
		return 1e3
	case "ms":
		return 1e6
	case "s":
		return 1e9
	case "m":
		return 60e9
	case "h":
		return 3600e9
	case "d":
		return 86400e9
	}
	return 0
}

// EncodeRate writes r.
func EncodeRate(e *Encoder, r Rate) {
	e.Uint(r.Num)
	e.Uint(r.Den)
	e.String(r.Text)
}

// DecodeRate reads what EncodeRate wrote, and refuses terms out of range.
func DecodeRate(d *Decoder) Rate {
	r := Rate{Num: d.Uint(), Den: d.Uint(), Text: d.String()}
	if r.Num >= maxTerm || r.Den >= maxTerm || r.Num > r.Den || (r.Num == 0) != (r.Den == 0) {
		d.fail("the rate %d/%d is out of range", r.Num, r.Den)
		return Rate{}
	}
	return r
}
