package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseFaults reads a schedule that somebody wrote, one word a fault:
//
//	kind@at+for:machines:by=size:rate=rate
//
// such as "clock-wall@1s+9s:leader:by=1h kill@3s+500ms:n2 lossy@5s+1s::by=20ms:rate=0.1".
// The parts behind the times may be left out.
func ParseFaults(text string) ([]Fault, error) {
	var list []Fault
	for _, word := range strings.Fields(text) {
		f, err := parseFault(word)
		if err != nil {
			return nil, fmt.Errorf("the fault %q: %w", word, err)
		}
		list = append(list, f)
	}
	return list, nil
}

func parseFault(word string) (f Fault, err error) {
	parts := strings.Split(word, ":")
	kind, times, ok := strings.Cut(parts[0], "@")
	at, lasts, ok2 := strings.Cut(times, "+")
	if !ok || !ok2 {
		return f, fmt.Errorf("write kind@at+for")
	}
	f.Kind = kind
	if f.At, err = time.ParseDuration(at); err != nil {
		return f, err
	}
	if f.For, err = time.ParseDuration(lasts); err != nil {
		return f, err
	}
	for _, part := range parts[1:] {
		if err := f.parsePart(part); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *Fault) parsePart(part string) (err error) {
	name, value, named := strings.Cut(part, "=")
	switch {
	case named && name == "by":
		f.Size, err = time.ParseDuration(value)
	case named && name == "rate":
		f.Rate, err = strconv.ParseFloat(value, 64)
	case named:
		return fmt.Errorf("no fault has a %s", name)
	case part != "":
		return f.parseMachines(part)
	}
	return err
}

func (f *Fault) parseMachines(part string) error {
	for _, name := range strings.Split(part, ",") {
		number := 0
		if name != "leader" {
			n, err := strconv.Atoi(strings.TrimPrefix(name, "n"))
			if err != nil || n < 1 {
				return fmt.Errorf("no machine is called %s", name)
			}
			number = n
		}
		f.On = append(f.On, number)
	}
	return nil
}
