package command_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/command"
)

// FuzzRate: a text is refused, or read as exactly the number that it says, in
// terms that the log can carry.
func FuzzRate(f *testing.F) {
	for _, text := range []string{
		"10/m", "2.5/s", "0/s", "0.000000001/s", "1000000000/s", "1/ns", "3/d", ".5/h", "5./us", "007/ms",
		"1e9/s", "-1/s", "1//s", "/s", "1/", "0.1", "999999999999999999999999999999/d", "4611686018427387903/s",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (command.Rate, error){command.ParseRate, command.ParseDecimal} {
			rate, err := read(text)
			if err != nil {
				if !errors.Is(err, command.ErrRate) {
					t.Errorf("%q: an error of no known kind: %v", text, err)
				}
				continue
			}
			e := command.NewEncoder(nil)
			command.EncodeRate(e, rate)
			d := command.NewDecoder(e.Bytes())
			if back := command.DecodeRate(d); d.Close() != nil || back != rate {
				t.Errorf("%q is read as %+v, and comes back as %+v", text, rate, back)
			}
			if want := perNanosecond(t, rate.Text); !rate.IsZero() && want.Cmp(ratio(rate)) != 0 || rate.IsZero() && want.Sign() != 0 {
				t.Errorf("%q is read as %+v, and is %v", text, rate, want)
			}
		}
	})
}

func ratio(r command.Rate) *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Num), new(big.Int).SetUint64(r.Den))
}

// perNanosecond reads a rate in another way than the code does.
func perNanosecond(t *testing.T, text string) *big.Rat {
	t.Helper()
	count, unit, _ := strings.Cut(text, "/")
	units := map[string]int64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9}
	whole, frac, _ := strings.Cut(count, ".")
	n, ok := new(big.Int).SetString("0"+whole+frac, 10)
	if !ok || units[unit] == 0 {
		t.Fatalf("a rate that shows as %q", text)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil)
	return new(big.Rat).SetFrac(n, scale.Mul(scale, big.NewInt(units[unit])))
}
