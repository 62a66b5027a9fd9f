package httpapi

import (
	"errors"
	"strconv"
	"strings"

	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

const etagHeader = "Etag" // canonical form of ETag

// etag returns the strong entity tag of a limit's settings.
func etag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// match is the value of If-Match or If-None-Match.
type match struct {
	any       bool     // *
	revisions []uint64 // of the strong tags that are revisions
	weak      []uint64 // of the weak ones
	others    bool     // tags that no limit ever has
}

// parseMatch reads the values of the header; false where there are none.
func parseMatch(values []string) (m match, given bool) {
	for _, v := range values {
		for tag := range strings.SplitSeq(v, ",") {
			m.add(strings.TrimSpace(tag))
		}
	}
	return m, len(values) > 0
}

func (m *match) add(tag string) {
	if tag == "*" {
		m.any = true
		return
	}
	list := &m.revisions
	if rest, ok := strings.CutPrefix(tag, "W/"); ok {
		tag, list = rest, &m.weak
	}
	revision, err := strconv.ParseUint(strings.Trim(tag, `"`), 10, 64)
	if err != nil || tag != etag(revision) {
		m.others = true
		return
	}
	*list = append(*list, revision)
}

// has tells whether one of the tags is revision's; weakly, weak tags count, too.
func (m *match) has(revision uint64, weakly bool) bool {
	list := m.revisions
	if weakly {
		list = append(list[:len(list):len(list)], m.weak...)
	}
	for _, r := range list {
		if r == revision {
			return true
		}
	}
	return m.any
}

// never is a revision that no limit has.
const never uint64 = 0

const matchTries = 4

// conditionally runs write under the condition of If-Match. The state machine
// compares one revision; for "*" and lists the present one is read first, and
// the write is tried again where another one came between; an idempotency key
// cannot go with that, since its content would change. What cannot match is run
// all the same, under a revision that no limit has: the state machine judges.
func (c *call) conditionally(write func(revision *uint64) error) error {
	m, given := parseMatch(c.r.Header.Values("If-Match"))
	if !given {
		return write(nil)
	}
	if len(m.revisions) == 1 && !m.any {
		return missed(write(&m.revisions[0]))
	}
	if c.key != "" {
		return invalid([]wire.FieldError{{Field: "If-Match", Detail: "must be a single ETag beside an " + wire.HeaderIdempotencyKey}})
	}
	for try := 1; ; try++ {
		var now uint64
		err := c.read(func(s *limit.State) {
			if l, ok := s.Limit(c.param); ok && m.has(l.Revision, false) {
				now = l.Revision
			}
		})
		if err != nil {
			return err
		}
		err = missed(write(&now))
		if now == never || try == matchTries || !errors.Is(err, wire.CodeRevisionMismatch) {
			return err
		}
	}
}

// refuseIfNoneMatch refuses the condition where none is meant by it, so that
// nobody believes to be guarded by it.
func (c *call) refuseIfNoneMatch() error {
	if len(c.r.Header.Values("If-None-Match")) == 0 {
		return nil
	}
	return invalid([]wire.FieldError{{Field: "If-None-Match", Detail: "goes with GET and PUT; for a limit that exists use If-Match"}})
}

// missed turns "not found" into a failed condition, which If-Match is where
// there is nothing to match.
func missed(err error) error {
	var p *wire.Problem
	if errors.As(err, &p) && p.Code == wire.CodeLimitNotFound {
		w := wire.NewProblem(wire.CodeRevisionMismatch, p.Detail)
		w.Hint = "leave If-Match out to create it"
		return w
	}
	return err
}
