package decay_test

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/decay"
)

func TestRead(t *testing.T) {
	for text, want := range map[string]command.Rate{
		"0":                     {Text: "0/s"},
		"0.0":                   {Text: "0/s"},
		"0e5":                   {Text: "0/s"},
		"0.1":                   {Num: 1, Den: 10e9, Text: "0.1/s"},
		"1e-05":                 {Num: 1, Den: 1e14, Text: "0.00001/s"},
		"1E3":                   {Num: 1, Den: 1e6, Text: "1000/s"},
		"0.016666666666666666":  {Num: 1, Den: 60e9, Text: "0.016666666666666666/s"},
		"0.3333333333333333":    {Num: 1, Den: 3e9, Text: "0.3333333333333333/s"},
		"1.6666666666666667":    {Num: 1, Den: 6e8, Text: "1.6666666666666667/s"},
		"1.1574074074074073e-5": {Num: 1, Den: 86400e9, Text: "0.000011574074074074073/s"},
	} {
		got, err := decay.Read(text)
		if err != nil || got != want {
			t.Errorf("%s is read as %+v, %v; want %+v", text, got, err, want)
		}
		if back, err := decay.ReadText(got.Text); err != nil || back != got {
			t.Errorf("%s comes back as %+v, %v", got.Text, back, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"-1", "", "x", "1e300", "1e99999999999", "1e-10", "0.100000000000000000001", "NaN", "1.0e10"} {
		if got, err := decay.Read(text); !errors.Is(err, command.ErrRate) {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"10", "1e-5/s", "0.0166666666666666661/s", "0.016666666666666666/m", "/s"} {
		if got, err := decay.ReadText(text); !errors.Is(err, command.ErrRate) {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "1.50": "1.50", "1e2": "100", "1.5E-3": "0.0015", "12.34e1": "123.4", "0e5": "0", "1e+2": "100",
		"1e-05": "0.00001", "0.1e1": "1", "1e99": "1e99", "-1e2": "-100",
	} {
		if got := decay.Plain(text); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}

// FuzzDoubles: every double in the range is answered as it was given, and counted to
// nine digits at least.
func FuzzDoubles(f *testing.F) {
	for _, v := range []float64{0.1, 1.0 / 60, 1.0 / 7, 1e-9, 1e9, 123456.789, math.Pi * 1e-6, 0.1 + 0.2, 0.30000000000000004, 0.7999999999999999, 66.66666666666666} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if !(v >= 1e-9 && v <= 1e9) {
			return // no rate is out of this range
		}
		rate, err := decay.Read(strconv.FormatFloat(v, 'g', -1, 64))
		if err != nil {
			t.Fatalf("%v is refused: %v", v, err)
		}
		e := command.NewEncoder(nil)
		command.EncodeRate(e, rate)
		d := command.NewDecoder(e.Bytes())
		if back := command.DecodeRate(d); d.Close() != nil || back != rate {
			t.Errorf("%v is read as %+v, which the log cannot carry", v, rate)
		}
		if got := decay.PerSecond(rate); got != v {
			t.Errorf("%v comes back as %v", v, got)
		}
		rate.Text = "" // the fraction alone
		if got := decay.PerSecond(rate); math.Abs(got-v) > 2.2e-10*v {
			t.Errorf("%v is counted as %v", v, got)
		}
	})
}
