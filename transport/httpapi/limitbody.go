package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/transport/decay"
	"github.com/limitd/limitd/transport/httpapi/strict"
	"github.com/limitd/limitd/transport/wire"
)

// limitReader reads the settings of a limit: all that are given, for a merge
// patch (RFC 7396) also nulls, which put a setting back to its default.
type limitReader struct {
	*strict.Reader
	patch bool
	u     command.UpdateLimit
	rate  *command.Rate // of rate
	decay string        // slot_decay_per_second as it was written; "": not given
}

// readLimit walks the body of a POST, PUT or, with patch, a PATCH of a limit.
// The fields that are output only are skipped, so that a limit can be sent
// back as it was read.
func readLimit(in *strict.Reader, patch bool) command.UpdateLimit {
	r := &limitReader{Reader: in, patch: patch}
	if !r.Object() {
		return r.u
	}
	for r.Field() {
		r.field(string(r.Key()))
	}
	r.settleRate()
	r.checkNumbered()
	return r.u
}

func (r *limitReader) field(key string) {
	switch key {
	case "name":
		r.u.NewName = ptr(readName(r.Reader))
	case "slots":
		r.u.Slots = ptr(r.Int(0, wire.MaxInteger))
	case "active":
		r.u.Active = orDefault(r, true, r.Bool)
	case "rate":
		r.rate = orDefault(r, command.Rate{Text: "0/s"}, r.readRate)
	case "slot_decay_per_second":
		r.decay = *orDefault(r, "0", r.Number)
	case "enforcement":
		r.u.Shadow = orDefault(r, false, func() bool {
			return r.Enum(wire.EnforcementEnforce, wire.EnforcementShadow) == 1
		})
	case "numbered":
		r.u.Numbered = orDefault(r, false, r.Bool)
	case "grace":
		r.u.Grace = orDefault(r, 0, func() int64 { return int64(r.Duration(0, wire.MaxGrace)) })
	case "description":
		r.u.Description = orDefault(r, "", func() string { return r.textUpTo(wire.MaxDescription) })
	case "labels":
		r.u.Labels = r.readLabels()
	case "id", "implicit", "revision", "created_at", "updated_at", "status":
		r.Skip()
	default:
		r.Unknown("name", "slots", "active", "rate", "slot_decay_per_second", "enforcement",
			"numbered", "grace", "description", "labels")
	}
}

func ptr[T any](v T) *T { return &v }

// orDefault reads a value, or in a patch a null, which stands for def.
func orDefault[T any](r *limitReader, def T, read func() T) *T {
	if r.patch && r.Null() {
		return &def
	}
	v := read()
	return &v
}

func (r *limitReader) textUpTo(most int) string {
	text := r.Text()
	if len(text) > most {
		r.Fault("must not be longer than %d bytes", most)
	}
	return text
}

func (r *limitReader) readRate() command.Rate {
	at := r.Faults()
	text := r.Text()
	if r.Faults() > at {
		return command.Rate{}
	}
	rate, err := decay.ReadText(text)
	if err != nil {
		r.Fault("%v", err)
	}
	return rate
}

// settleRate makes one of rate and slot_decay_per_second, which is read as the
// decimal that is written. Given both, the rate counts, and the other must be
// the number that an answer shows for it: the same one among the doubles.
func (r *limitReader) settleRate() {
	if r.u.Rate = r.rate; r.decay == "" {
		return
	}
	if r.rate == nil {
		rate, err := decay.Read(r.decay)
		if err != nil {
			r.FaultAt("slot_decay_per_second", "%v", err)
		}
		r.u.Rate = &rate
		return
	}
	shown, err := strconv.ParseFloat(r.decay, 64)
	if err != nil || shown != decay.PerSecond(*r.rate) {
		r.FaultAt("slot_decay_per_second", "disagrees with rate: %q is %s slots a second; give one of them", rateText(*r.rate), decay.Number(*r.rate))
	}
}

// checkNumbered tells early what a numbered limit cannot have; the state
// machine judges what only a part of the settings tells.
func (r *limitReader) checkNumbered() {
	if !value(r.u.Numbered) {
		return
	}
	if value(r.u.Slots) > wire.MaxOrdinals {
		r.FaultAt("slots", "a numbered limit has at most %d", wire.MaxOrdinals)
	}
	if r.u.Rate != nil && !r.u.Rate.IsZero() {
		r.FaultAt("numbered", "a numbered limit has no decay")
	}
}

// readLabels reads labels; in a patch null drops all, and a null label itself.
func (r *limitReader) readLabels() *command.LabelPatch {
	p := new(command.LabelPatch)
	if r.patch && r.Null() {
		p.Clear = true
		return p
	}
	if !r.Object() {
		return p
	}
	count := 0
	for r.Field() {
		key := string(r.Key())
		if count++; count > wire.MaxLabels {
			r.Skip()
			continue
		}
		if key == "" || len(key) > wire.MaxLabelKey {
			r.Fault("a label's key has 1 to %d bytes", wire.MaxLabelKey)
		}
		if r.patch && r.Null() {
			p.Delete = append(p.Delete, key)
			continue
		}
		p.Set = append(p.Set, command.Pair{Key: key, Value: r.textUpTo(wire.MaxLabelValue)})
	}
	if count > wire.MaxLabels {
		r.Fault("must not have more than %d labels", wire.MaxLabels)
	}
	slices.SortFunc(p.Set, func(x, y command.Pair) int { return strings.Compare(x.Key, y.Key) })
	slices.Sort(p.Delete)
	return p
}
