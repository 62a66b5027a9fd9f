package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Duration is a time span in JSON. It is written in seconds, exactly ("90s",
// "0.25s"), and read in all forms of time.ParseDuration ("1m30s").
type Duration time.Duration

// Ptr returns a pointer to d, for the optional fields.
func (d Duration) Ptr() *Duration { return &d }

// String returns d in seconds, exactly: "90s", "0.25s", "-0.000000001s".
func (d Duration) String() string { return string(d.Append(nil)) }

// Append appends what String returns.
func (d Duration) Append(b []byte) []byte {
	whole, frac := int64(d)/1e9, int64(d)%1e9
	if d < 0 {
		b = append(b, '-')
		whole, frac = -whole, -frac
	}
	b = strconv.AppendInt(b, whole, 10)
	if frac != 0 {
		b = append(b, '.')
		for digit := int64(1e8); frac > 0; digit /= 10 {
			b = append(b, byte('0'+frac/digit))
			frac %= digit
		}
	}
	return append(b, 's')
}

// MarshalJSON writes d as String does, in quotes.
func (d Duration) MarshalJSON() ([]byte, error) {
	return append(d.Append([]byte{'"'}), '"'), nil
}

// UnmarshalJSON reads a text that time.ParseDuration takes.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("read a duration: %w", err)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("read a duration: %w", err)
	}
	*d = Duration(v)
	return nil
}
