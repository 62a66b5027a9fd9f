package client

import (
	"fmt"
	"math/big"
	"strings"
)

// Rate is how many slots come back in a unit of time: "10/m", "2.5/s", "100/h",
// "1/d"; the units are ns, us, ms, s, m, h and d. It is exact: a third of a slot
// a second is "20/m". "" means that none come back.
type Rate string

// PerSecond returns the slots that come back in a second, exactly. Its error is
// ErrInvalid: r is not written as a rate is.
func (r Rate) PerSecond() (*big.Rat, error) {
	if r == "" {
		return new(big.Rat), nil
	}
	text, unit, _ := strings.Cut(string(r), "/")
	count, ok := new(big.Rat).SetString(text)
	seconds := unitSeconds(unit)
	if !ok || strings.Trim(text, "0123456789.") != "" || seconds == nil {
		return nil, invalid(fmt.Sprintf("%q is not a rate", string(r)), `write slots per unit, such as "10/m"; the units are ns us ms s m h d`)
	}
	return count.Quo(count, seconds), nil
}

// unitSeconds returns how many seconds a unit of a rate has; nil: it is none.
func unitSeconds(unit string) *big.Rat {
	switch unit {
	case "ns":
		return big.NewRat(1, 1e9)
	case "us":
		return big.NewRat(1, 1e6)
	case "ms":
		return big.NewRat(1, 1e3)
	case "s":
		return big.NewRat(1, 1)
	case "m":
		return big.NewRat(60, 1)
	case "h":
		return big.NewRat(3600, 1)
	case "d":
		return big.NewRat(86400, 1)
	}
	return nil
}
