package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// modeUnset marks an entry without a mode of its own until the whole body has
// been read.
const modeUnset command.Mode = 0xff

func readMode(r *strict.Reader) command.Mode {
	return command.Mode(r.Enum(wire.ModeConcurrency, wire.ModeRateLimit))
}

// settleModes gives the entries without a mode the acquire's.
func settleModes(entries []command.Entry, mode command.Mode) {
	for i := range entries {
		if entries[i].Mode == modeUnset {
			entries[i].Mode = mode
		}
	}
}

// readEntries reads the limits of an acquire.
func readEntries(r *strict.Reader, list []command.Entry) []command.Entry {
	if !r.Array() {
		return list
	}
	count := 0
	for r.Item() {
		if count++; count > wire.MaxLimits {
			r.Skip()
			continue
		}
		if list == nil {
			list = make([]command.Entry, 0, 2)
		}
		list = append(list, readEntry(r, list))
	}
	if count == 0 || count > wire.MaxLimits {
		r.Fault("must name 1 to %d limits", wire.MaxLimits)
	}
	return list
}

// readEntry reads one limit of an acquire; before are those read already.
func readEntry(r *strict.Reader, before []command.Entry) command.Entry {
	e := command.Entry{Slots: 1, Mode: modeUnset}
	if !r.Object() {
		return e
	}
	named := false
	for r.Field() {
		switch string(r.Key()) {
		case "name":
			e.Name, named = readName(r), true
			if slices.ContainsFunc(before, func(o command.Entry) bool { return o.Name == e.Name && e.Name != "" }) {
				r.Fault("the limit %q is named twice; ask for the sum of the slots", e.Name)
			}
		case "slots":
			e.Slots = r.Int(1, wire.MaxInteger)
		case "mode":
			e.Mode = readMode(r)
		default:
			r.Unknown("name", "slots", "mode")
		}
	}
	if !named {
		r.FaultAt("name", "is required")
	}
	return e
}

// readName reads the name of a limit; "" for a fault.
func readName(r *strict.Reader) string {
	at := r.Faults()
	name := r.Text()
	if r.Faults() > at {
		return ""
	}
	if wrong := wire.CheckName(name); wrong != "" {
		r.Fault("%s", wrong)
		return ""
	}
	return name
}

// readID reads the id of an acquire or an idempotency key; "" for a fault.
func readID(r *strict.Reader) string {
	at := r.Faults()
	id := r.Text()
	if r.Faults() > at {
		return ""
	}
	if wrong := wire.CheckID(id); wrong != "" {
		r.Fault("%s", wrong)
		return ""
	}
	return id
}

// readOwner reads who asks.
func readOwner(r *strict.Reader) (o command.Owner) {
	if !r.Object() {
		return o
	}
	for r.Field() {
		switch string(r.Key()) {
		case "name":
			o.Name = r.Text()
		case "host":
			o.Host = r.Text()
		case "pid":
			o.PID = r.Int(0, wire.MaxInteger)
		case "meta":
			o.Meta = readMeta(r)
		default:
			r.Unknown("name", "host", "pid", "meta")
		}
	}
	size := len(o.Name) + len(o.Host)
	for _, p := range o.Meta {
		size += len(p.Key) + len(p.Value)
	}
	if size > wire.MaxOwner {
		r.Fault("must not be longer than %d bytes in all; it has %d", wire.MaxOwner, size)
	}
	return o
}

func readMeta(r *strict.Reader) (list []command.Pair) {
	if !r.Object() {
		return nil
	}
	count := 0
	for r.Field() {
		if count++; count > wire.MaxMeta {
			r.Skip()
			continue
		}
		list = append(list, command.Pair{Key: string(r.Key()), Value: r.Text()})
	}
	if count > wire.MaxMeta {
		r.Fault("must not have more than %d keys", wire.MaxMeta)
	}
	slices.SortFunc(list, func(x, y command.Pair) int { return strings.Compare(x.Key, y.Key) })
	return list
}

// pathToken reads a lease's token from the path.
func (c *call) pathToken() (uint64, error) {
	token, err := strconv.ParseUint(c.param, 10, 64)
	if err != nil || token == 0 || token > wire.MaxInteger || strconv.FormatUint(token, 10) != c.param {
		return 0, invalid([]wire.FieldError{{Field: "token", Detail: "must be the number of a grant"}})
	}
	return token, nil
}

// pathName reads a limit's name from the path.
func (c *call) pathName() error {
	if wrong := wire.CheckName(c.param); wrong != "" {
		return invalid([]wire.FieldError{{Field: "name", Detail: wrong}})
	}
	return nil
}
