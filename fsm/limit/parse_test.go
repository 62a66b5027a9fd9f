package limit_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// options are the NAME=VALUE words of a script's line; the others are plain.
type options struct {
	plain []string
	pairs [][2]string // those that are no option of the verb: limits with their slots
	set   map[string]string
	err   error
}

func parseOptions(args []string, known ...string) *options {
	o := &options{set: map[string]string{}}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case ok && slices.Contains(append(known, "key", "accepted", "stamped"), name):
			o.set[name] = value
		case ok:
			o.pairs = append(o.pairs, [2]string{name, value})
		default:
			o.plain = append(o.plain, arg)
		}
	}
	return o
}

func (o *options) has(name string) bool { _, ok := o.set[name]; return ok }

func (o *options) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *options) number(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil {
		o.fail(err)
	}
	return n
}

// time reads an option of a duration; 0 where it is not given.
func (o *options) time(name string) int64 {
	d, err := time.ParseDuration(cmp.Or(o.set[name], "0"))
	if err != nil {
		o.fail(err)
	}
	return int64(d)
}

func (o *options) first() string {
	if len(o.plain) == 0 {
		o.fail(fmt.Errorf("a name is missing"))
		return ""
	}
	return o.plain[0]
}

// entries reads "db=2" and "api=1/rate".
func (o *options) entries() (list []command.Entry) {
	for _, p := range o.pairs {
		count, mode, _ := strings.Cut(p[1], "/")
		e := command.Entry{Name: p[0], Slots: o.number(count)}
		if mode == "rate" {
			e.Mode = command.RateLimit
		}
		list = append(list, e)
	}
	return list
}

func optional[T any](o *options, name string, read func(string) T) *T {
	if !o.has(name) {
		return nil
	}
	v := read(o.set[name])
	return &v
}

func (o *options) rate(text string) command.Rate {
	r, err := command.ParseRate(text)
	if err != nil {
		o.fail(err)
	}
	return r
}

func (o *options) duration(text string) int64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		o.fail(err)
	}
	return int64(d)
}

func isTrue(text string) bool { return text == "true" }

// settingNames are the replicated settings, in their order.
func settingNames() []string {
	return []string{
		"default_ttl", "remember", "max_remembered", "max_waiters", "patience", "max_backdate", "tick_interval",
		"max_implicit", "implicit_ttl", "max_limits", "max_leases",
	}
}

func (o *options) settingChanges() (list []command.SettingChange) {
	for id, name := range settingNames() {
		if !o.has(name) {
			continue
		}
		c := command.SettingChange{Setting: command.SettingID(id)}
		if strings.HasPrefix(name, "max_") && name != "max_backdate" {
			c.Value = o.number(o.set[name])
		} else {
			c.Value = o.duration(o.set[name])
		}
		list = append(list, c)
	}
	return list
}

// parse reads a command: its verb, and what follows.
func (s *script) parse(verb string, args []string) (command.Command, error) {
	o := parseOptions(args, append(settingNames(), "slots", "rate", "active", "shadow", "numbered", "grace", "name", "description",
		"label", "unlabel", "revision", "ttl", "wait", "linger", "missing", "family", "owner", "lapse", "occupied")...)
	c := command.Command{Header: command.Header{Stamp: s.now, Accepted: s.now, Term: s.both.term, ID: o.set["key"]}}
	if o.has("accepted") {
		c.Accepted = o.time("accepted")
	}
	if o.has("stamped") {
		c.Term = uint64(o.number(o.set["stamped"]))
	}
	if verb == "acquire" {
		c.ID = o.first()
	}
	c.Op = s.operation(verb, o)
	if c.Op == nil {
		o.fail(fmt.Errorf("no verb %q", verb))
	}
	return c, o.err
}

func (s *script) operation(verb string, o *options) command.Op {
	switch verb {
	case "tick":
		return &command.Tick{}
	case "read":
		return &command.Read{}
	case "verify":
		return &command.Verify{}
	case "end-quarantine":
		return &command.EndQuarantine{}
	case "settings":
		return &command.UpdateSettings{Set: o.settingChanges()}
	case "rules":
		return &command.SetRules{Version: uint64(o.number(o.first()))}
	case "acquire":
		return o.acquire()
	case "release", "renew", "cancel", "part", "interest", "force", "disown":
		return s.leaseOperation(verb, o)
	}
	return o.limitOperation(verb)
}

func (o *options) acquire() command.Op {
	a := &command.Acquire{Entries: o.entries(), Wait: o.time("wait"), TTL: o.time("ttl"), Linger: o.time("linger"), Owner: command.Owner{Name: o.set["owner"]}}
	a.Missing = map[string]command.Missing{"": command.MissingError, "error": command.MissingError, "skip": command.MissingSkip, "create": command.MissingCreate}[o.set["missing"]]
	a.Anonymous = slices.Contains(o.plain, "anonymous")
	copy(a.Family[:], o.set["family"])
	return a
}

func (s *script) leaseOperation(verb string, o *options) command.Op {
	var tokens, ages []uint64
	var ids []string
	for _, name := range o.plain {
		ages = append(ages, s.ages[name])
		if strings.HasPrefix(name, "token:") {
			tokens = append(tokens, uint64(o.number(strings.TrimPrefix(name, "token:"))))
		} else {
			ids = append(ids, name)
		}
	}
	token, id := append(tokens, 0)[0], append(ids, "")[0]
	switch verb {
	case "release":
		return &command.Release{Token: token, ID: id}
	case "renew":
		return &command.Renew{Tokens: tokens, IDs: ids, TTL: o.time("ttl")}
	case "cancel":
		return &command.Cancel{ID: id}
	case "disown":
		return &command.Disown{ID: id}
	case "part":
		return &command.Part{ID: id, Lapse: o.time("lapse")}
	case "interest":
		return &command.Interest{Ages: ages}
	}
	return &command.ForceRelease{Token: token}
}

func (o *options) limitOperation(verb string) command.Op {
	revision := optional(o, "revision", func(text string) uint64 { return uint64(o.number(text)) })
	switch verb {
	case "limit":
		return &command.PutLimit{Name: o.first(), Settings: o.limitSettings(), Mode: command.PutCreate, IfRevision: revision}
	case "put":
		return &command.PutLimit{Name: o.first(), Settings: o.limitSettings(), Mode: command.PutReplace, IfRevision: revision}
	case "put-absent":
		return &command.PutLimit{Name: o.first(), Settings: o.limitSettings(), Mode: command.PutAbsent, IfRevision: revision}
	case "update":
		return o.update(revision)
	case "delete":
		return &command.DeleteLimit{Name: o.first(), IfRevision: revision}
	case "reset":
		return &command.ResetLimit{Name: o.first()}
	case "decrement":
		return &command.Decrement{Entries: o.entries(), Occupied: o.time("occupied")}
	case "set-active":
		return &command.SetActive{Name: o.first(), Slots: o.number(o.set["slots"])}
	}
	return nil
}

func (o *options) limitSettings() command.LimitSettings {
	set := command.LimitSettings{
		Slots: o.number(cmp.Or(o.set["slots"], "1")), Active: !slices.Contains(o.plain, "inactive"), Shadow: slices.Contains(o.plain, "shadow"),
		Numbered: slices.Contains(o.plain, "numbered"), Grace: o.time("grace"), Description: o.set["description"],
	}
	if o.has("rate") {
		set.Rate = o.rate(o.set["rate"])
	}
	if key, value, ok := strings.Cut(o.set["label"], ":"); ok {
		set.Labels = []command.Pair{{Key: key, Value: value}}
	}
	return set
}

func (o *options) update(revision *uint64) command.Op {
	u := &command.UpdateLimit{
		Name: o.first(), IfRevision: revision,
		NewName: optional(o, "name", strings.Clone), Slots: optional(o, "slots", o.number), Active: optional(o, "active", isTrue),
		Rate: optional(o, "rate", o.rate), Shadow: optional(o, "shadow", isTrue), Numbered: optional(o, "numbered", isTrue),
		Grace: optional(o, "grace", o.duration), Description: optional(o, "description", strings.Clone),
	}
	if o.has("label") || o.has("unlabel") {
		u.Labels = &command.LabelPatch{}
		if key, value, ok := strings.Cut(o.set["label"], ":"); ok {
			u.Labels.Set = []command.Pair{{Key: key, Value: value}}
		}
		if o.has("unlabel") {
			u.Labels.Delete = []string{o.set["unlabel"]}
		}
	}
	return u
}
