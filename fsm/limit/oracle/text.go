package oracle

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/limitd/limitd/fsm/command"
)

// Text words a result in one line for people: in scripts, and where two
// results are compared. It leaves out wall times, details and estimates, which
// say nothing about the rules; with estimates it words those too.
func Text(r command.Result, estimates bool) string {
	w := &words{estimates: estimates}
	switch r := r.(type) {
	case *command.Done:
		w.add("done").addIf(r.Replayed, "replayed")
	case *command.NotRun:
		w.add("not run").addIf(r.WrongTerm, "(stamped in another term)")
	case *command.Problem:
		w.problem(r)
	case *command.Granted:
		w.granted(r)
	case *command.Denied:
		w.denied(r)
	case *command.Waiting:
		w.add("waiting at position %d", r.Position).estimate("about", r.EstimatedWait).blockers(r.BlockedBy)
	case *command.Released:
		w.released(r)
	case *command.Renewed:
		w.renewed(r)
	case *command.Cancelled:
		w.add("%s", map[bool]string{true: "cancelled", false: "not cancelled"}[r.Cancelled]).addIf(r.Replayed, "replayed")
	case *command.Limit:
		w.limit(r)
	case *command.Limits:
		w.addIf(len(r.Limits) == 0, "no limits")
		for i := range r.Limits {
			w.limit(&r.Limits[i])
		}
	case *command.Freed:
		w.add("freed %d", r.Slots).addIf(r.Replayed, "replayed")
	case *command.SettingsNow:
		w.settings(r.Settings)
	case *command.ACLPolicy:
		w.policy(r)
	case *command.ACLToken:
		w.token(r)
	}
	return strings.Join(w.list, " ")
}

type words struct {
	list      []string
	estimates bool
}

func (w *words) add(format string, args ...any) *words {
	w.list = append(w.list, fmt.Sprintf(format, args...))
	return w
}

func (w *words) addIf(yes bool, format string, args ...any) *words {
	if yes {
		w.add(format, args...)
	}
	return w
}

func (w *words) estimate(what string, ns int64) *words {
	return w.addIf(w.estimates && ns >= 0, "%s %v", what, time.Duration(ns))
}

func (w *words) problem(p *command.Problem) {
	w.add("refused: %s", CodeText(p.Code)).addIf(p.Limit != "", "%s", p.Limit)
	switch p.Code {
	case command.CodeNeverFits:
		w.add("has %d, wanted %d", p.Have, p.Want)
	case command.CodeRevisionMismatch:
		w.add("is at revision %d, wanted %d", p.Have, p.Want)
	}
	w.addIf(p.Replayed, "replayed")
}

// settings words those that are not the default ones.
func (w *words) settings(s command.Settings) {
	w.add("settings:")
	v, usual := reflect.ValueOf(s), reflect.ValueOf(command.DefaultSettings())
	for i := range v.NumField() {
		if n := v.Field(i).Int(); n != usual.Field(i).Int() {
			w.add("%s=%d", v.Type().Field(i).Name, n)
		}
	}
}

// CodeText names a refusal.
func CodeText(c command.Code) string {
	return [...]string{
		command.CodeInvalid: "invalid", command.CodeLimitNotFound: "no such limit", command.CodeLimitExists: "limit exists",
		command.CodeRevisionMismatch: "revision mismatch", command.CodeNeverFits: "never fits", command.CodeNoDecay: "no decay",
		command.CodeIDReused: "id reused", command.CodeLeaseEnded: "lease ended", command.CodeLeaseNotFound: "no such lease",
		command.CodeLimitDeleted: "limit deleted", command.CodeCancelled: "cancelled", command.CodeOverloaded: "overloaded",
		command.CodeTooMany: "too many", command.CodeTooOld: "too old", command.CodeNotInForce: "not in force",
		command.CodeTokenNotFound: "no such token", command.CodeTokenExists: "token exists", command.CodePolicyNotFound: "no such policy",
		command.CodePolicyInUse: "policy in use", command.CodeBootstrapped: "bootstrapped",
	}[c]
}

func (w *words) granted(g *command.Granted) {
	w.add("granted token=%d", g.Token).addIf(g.Waited > 0, "waited %v", time.Duration(g.Waited))
	for _, l := range g.Limits {
		w.add("%s", grantedText(l))
	}
	w.addIf(g.Lease, "ends in %v", time.Duration(g.ExpiresIn)).addIf(!g.Lease, "no lease")
	w.addIf(g.Lease && g.ExpiresIn != g.TTL, "ttl=%v", time.Duration(g.TTL))
	w.addIf(len(g.Skipped) > 0, "skipped %s", strings.Join(g.Skipped, ",")).addIf(g.Replayed, "replayed")
}

// grantedText words one limit of a grant: "db+2=4/5": two slots taken, four of
// five occupied.
func grantedText(l command.GrantedLimit) string {
	text := fmt.Sprintf("%s+%d=%d/%d", l.Name, l.Slots, l.Occupied, l.Capacity)
	if l.Mode == command.RateLimit {
		text += "(rate)"
	}
	if len(l.Ordinals) > 0 {
		text += fmt.Sprintf("(ordinals %s)", ordinalsText(l.Ordinals))
	}
	if l.WouldDeny {
		text += "(would deny)"
	}
	if !l.Counted {
		text += "(not counted)"
	}
	return text
}

func ordinalsText(list []uint32) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")
}

func (w *words) denied(d *command.Denied) {
	w.add("%s", map[bool]string{true: "wait expired", false: "denied"}[d.Expired]).estimate("retry after", d.RetryAfter)
	w.add("position %d", d.Position).blockers(d.BlockedBy).addIf(d.Replayed, "replayed")
}

func (w *words) blockers(list []command.Blocker) *words {
	for _, b := range list {
		w.add("behind %s=%d/%d", b.Name, b.Occupied, b.Slots).addIf(b.Ahead > 0, "and %d waiting", b.Ahead)
	}
	return w
}

func (w *words) released(r *command.Released) {
	reason := [...]string{"released", "not released: expired", "not released: unknown", "not released: forced"}[r.Reason]
	w.add("%s", reason).addIf(r.Released != (r.Reason == command.ReasonNone), "CONTRADICTION").addIf(r.Replayed, "replayed")
}

func (w *words) renewed(r *command.Renewed) {
	for _, l := range r.Leases {
		switch l.State {
		case command.LeaseHeld:
			w.add("%d %s ends in %v", l.Token, l.ID, time.Duration(l.ExpiresIn))
		case command.LeaseGone:
			w.addIf(l.Token != 0, "%d", l.Token).addIf(l.ID != "", "%s", l.ID).add("gone")
		case command.LeaseWaiting:
			w.add("%s waiting", l.ID)
		}
	}
}

func (w *words) limit(l *command.Limit) {
	w.add("%s %d/%d", l.Name, l.Occupied, l.Settings.Slots).addIf(!l.Settings.Active, "inactive").addIf(l.Settings.Shadow, "shadow")
	w.addIf(!l.Settings.Rate.IsZero(), "rate %s", l.Settings.Rate.Text).addIf(l.Settings.Numbered, "numbered")
	w.addIf(l.Settings.Grace > 0, "grace %v", time.Duration(l.Settings.Grace)).addIf(l.Implicit, "implicit")
	for _, p := range l.Settings.Labels {
		w.add("%s=%s", p.Key, p.Value)
	}
	w.addIf(l.Settings.Description != "", "%q", l.Settings.Description)
	w.add("revision %d", l.Revision).addIf(l.Waiting > 0, "waiting %d", l.Waiting).addIf(l.Denied > 0, "denied %d", l.Denied)
	w.addIf(l.AvgOccupancy > 0, "held %v on average", time.Duration(l.AvgOccupancy))
	w.addIf(l.Created, "created").addIf(l.Replayed, "replayed")
}
