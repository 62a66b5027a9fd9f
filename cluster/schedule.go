package cluster

import "github.com/limitd/limitd/fsm/command"

// tickGap is the least distance between two ticks, in ns of cluster time.
const tickGap = int64(5e6)

// never is a time that does not come.
const never = int64(1<<63 - 1)

// schedule says when the leader proposes the next tick. All times are cluster
// time in ns. It is pure: the tick loop fills it in and sleeps until next.
type schedule struct {
	// Of the state, as of the last record that was applied:
	time   int64 // cluster time
	played int64 // the newest stamp that was applied; above time where its record was cut short
	due    int64 // when something falls due; -1: nothing will
	busy   bool  // leases, waiters or non-empty decaying limits exist

	// Of this leader:
	stamp   int64 // the newest that was proposed, by any record
	tick    int64 // the stamp of the last tick; before the first one: far back
	ticking bool  // that tick has not been applied yet

	settings command.Settings
}

// next returns when to propose a tick, never where only another record can
// bring one about. Three cases are told apart:
//
//   - Something falls due, or the tick interval has passed while the state is
//     busy: then, but tickGap after the last tick.
//   - A record that will play what is due has been proposed, or a tick is under
//     way: only once the newest stamp is half of G old, so that a slow commit
//     costs no rate.
//   - The last record was cut short, so that what was due is due still: at once,
//     as soon as no tick is under way.
func (s schedule) next() int64 {
	at := never
	if s.due >= 0 {
		at = s.due
	}
	if s.busy {
		at = min(at, s.stamp+s.settings.TickInterval)
	}
	if at == never {
		return never
	}
	backlog := s.due >= 0 && s.due <= max(s.time, s.played)
	covered := s.stamp > s.played && s.stamp >= at
	if s.ticking || covered && !backlog {
		at = max(at, s.stamp+s.settings.MaxBackdate/2)
	}
	if !backlog {
		at = max(at, s.tick+tickGap)
	}
	return at
}
