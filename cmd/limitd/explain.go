package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

func explainCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "tell why an acquire waits, or what one would meet", ArgsUsage: "NAME[:N]... | ID | TOKEN",
		Description: "limitd explain db:2 gpu     would two slots of db and one of gpu be granted; if not, who holds them?\n" +
			"limitd explain job-42       what became of the acquire job-42, and what stands in its way\n" +
			"limitd explain 812          the lease with token 812\n\n" +
			slotsHelp + "\nOne word that no limit has for a name is the id of an acquire, or a lease's token.",
		Flags: apiFlags(rateFlag()),
		Action: func(c *cli.Context) error {
			p, err := newPrinter(c, w)
			if err != nil {
				return err
			}
			entries, err := entriesOf(c, c.Args().Slice())
			if err != nil {
				return err
			}
			e := explainer{api: newAPI(c, w), out: p}
			if c.NArg() == 1 && len(entries) == 1 {
				return e.word(c.Context, c.Args().First(), entries)
			}
			return e.limits(c.Context, entries)
		},
	}
}

// explainer answers one explain command.
type explainer struct {
	api *api
	out printer
}

// limits tells what an acquire of entries would meet.
func (e explainer) limits(ctx context.Context, entries []wire.Entry) error {
	raw, err := e.api.call(ctx, http.MethodPost, "/v1/explain", wire.ExplainRequest{Limits: entries})
	x, err := read[wire.Explanation](raw, err)
	if err == nil && x.Problem != nil && x.Problem.Code == wire.CodeLimitNotFound {
		err = problemFailure(x.Problem)
	}
	if f := (*failure)(nil); errors.As(err, &f) && f.code == exitNotFound {
		f.hint = cmp.Or(colonHint(ctx, e.api, entries), f.hint)
	}
	if err != nil {
		return err
	}
	asked := entryText(entries)
	return e.out.show(single(item{asked, x, raw}, func() error { return e.sayExplanation(asked, x) }))
}

// word tells about the one limit, acquire or lease that is called word.
func (e explainer) word(ctx context.Context, word string, entries []wire.Entry) error {
	asLimit := e.limits(ctx, entries)
	if !isNotFound(asLimit) {
		return asLimit
	}
	if wire.CheckID(word) == "" {
		if err := e.acquire(ctx, word); !isNotFound(err) {
			return err
		}
	}
	if token, err := strconv.ParseUint(word, 10, 64); err == nil {
		if err := e.lease(ctx, token); !isNotFound(err) {
			return err
		}
	}
	var f *failure
	errors.As(asLimit, &f)
	f.text = strings.Replace(f.text, "no limit named", "no limit, acquire or lease is called", 1)
	return f
}

func isNotFound(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.code == exitNotFound
}

// acquire tells about an acquire by its id.
func (e explainer) acquire(ctx context.Context, id string) error {
	raw, err := e.api.call(ctx, http.MethodGet, "/v1/acquires/"+url.PathEscape(id), nil)
	status, err := read[wire.AcquireStatus](raw, err)
	if err != nil {
		return err
	}
	return e.out.show(single(item{id, status, raw}, func() error {
		switch {
		case status.Waiting != nil:
			return e.sayWaiting(ctx, *status.Waiting)
		case status.Grant != nil && status.Grant.HasLease():
			return e.lease(ctx, status.Grant.Token)
		case status.Grant != nil:
			return e.out.line("The acquire %s was granted slots that only decay gives back: %s.", id, grantText(status.Grant.Limits))
		}
		return e.out.line("The acquire %s has ended: %s.", id, status.Problem.Detail)
	}))
}

// lease tells about a lease by its token.
func (e explainer) lease(ctx context.Context, token uint64) error {
	l, raw, err := getLease(ctx, e.api, token)
	if err != nil {
		return err
	}
	it := item{strconv.FormatUint(token, 10), l, raw}
	return e.out.show(single(it, func() error { return e.out.fields(leaseFields(l)...) }))
}

func (e explainer) sayExplanation(asked string, x wire.Explanation) error {
	var err error
	switch {
	case x.Problem != nil:
		err = e.out.line("An acquire of %s would be refused: %s.", asked, x.Problem.Detail)
	case x.WouldGrant:
		err = e.out.line("An acquire of %s would be granted at once.", asked)
	case x.EstimatedWait != nil:
		err = e.out.line("An acquire of %s would wait, by an estimate %s.", asked, maybeSpan(x.EstimatedWait))
	default:
		err = e.out.line("An acquire of %s would wait; nobody can say how long.", asked)
	}
	if err == nil {
		err = e.sayQuarantine(x.Quarantine)
	}
	if err != nil || len(x.Limits) == 0 {
		return err
	}
	var rows [][]string
	for _, l := range x.Limits {
		rows = append(rows, []string{
			l.Name, strconv.FormatInt(l.Needed, 10), strconv.FormatInt(l.Slots, 10), strconv.FormatInt(l.Occupied, 10),
			strconv.FormatInt(l.Ahead, 10), maybeSpan(l.FreeIn),
		})
	}
	if err := e.section([]string{"LIMIT", "NEEDED", "SLOTS", "OCCUPIED", "AHEAD", "FREE-IN"}, rows); err != nil {
		return err
	}
	for _, l := range x.Limits {
		if err := e.sayHolders(l.Name, l.Holders); err != nil {
			return err
		}
	}
	return nil
}

func (e explainer) sayWaiting(ctx context.Context, w wire.Waiting) error {
	estimate := "nobody can say how long"
	if w.EstimatedWait != nil {
		estimate = "by an estimate " + maybeSpan(w.EstimatedWait)
	}
	if err := e.out.line("The acquire %s waits, at place %d: %s.", w.ID, w.Position, estimate); err != nil {
		return err
	}
	if err := e.sayQuarantine(w.Quarantine); err != nil {
		return err
	}
	var rows [][]string
	for _, b := range w.BlockedBy {
		rows = append(rows, []string{b.Name, strconv.FormatInt(b.Slots, 10), strconv.FormatInt(b.Occupied, 10), strconv.FormatInt(b.Ahead, 10)})
	}
	if err := e.section([]string{"BLOCKED-BY", "SLOTS", "OCCUPIED", "AHEAD"}, rows); err != nil {
		return err
	}
	for _, b := range w.BlockedBy {
		oldest, err := oldestHolders(ctx, e.api, b.Name, 10)
		if err != nil {
			return err
		}
		if err := e.sayHolders(b.Name, oldest); err != nil {
			return err
		}
	}
	return nil
}

// sayQuarantine tells why limits that have room grant nothing after a restore.
func (e explainer) sayQuarantine(left *wire.Duration) error {
	if left == nil {
		return nil
	}
	return e.out.line("A backup was restored: limits without decay grant nothing for %s, while holders of before may be at work.\n"+
		"Where you know that none is: limitd snapshot end-quarantine", maybeSpan(left))
}

// section writes a table behind an empty line.
func (e explainer) section(header []string, rows [][]string) error {
	if err := e.out.line(""); err != nil {
		return err
	}
	return e.out.table(header, rows)
}

func (e explainer) sayHolders(limit string, holders []wire.Holder) error {
	if len(holders) == 0 {
		return nil
	}
	if err := e.out.line("\nHolders of %s, oldest first:", limit); err != nil {
		return err
	}
	return holderTable(e.out, holders)
}

// oldestHolders returns at most n holders of a limit.
func oldestHolders(ctx context.Context, a *api, limit string, n int) ([]wire.Holder, error) {
	path := limitPath(limit, "/holders?page_size=", strconv.Itoa(n))
	page, err := read[wire.Holders](a.call(ctx, http.MethodGet, path, nil))
	return page.Holders, err
}

// getLease reads one lease.
func getLease(ctx context.Context, a *api, token uint64) (wire.Lease, json.RawMessage, error) {
	raw, err := a.call(ctx, http.MethodGet, "/v1/leases/"+strconv.FormatUint(token, 10), nil)
	if f := (*failure)(nil); errors.As(err, &f) && f.code == exitNotFound {
		f.hint = "'limitd lease list' shows those that are held."
	}
	l, err := read[wire.Lease](raw, err)
	return l, raw, err
}
