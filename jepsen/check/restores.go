package check

import (
	"math"
	"time"

	"github.com/limitd/limitd/jepsen/history"
)

// judgeRestores looks at cluster time after the restore of a backup: it goes on
// from where the backup's stood, and then no faster than real time. A backup is
// of some moment while it was saved.
func judgeRestores(f *facts, r *report) {
	for i := range f.h.Ops {
		o := &f.h.Ops[i]
		if o.Kind != history.Restore || o.Outcome != history.OK {
			continue
		}
		newest, ok := f.newestBackup(o)
		if !ok {
			continue
		}
		f.judgeRestored(o, newest, r)
	}
}

// judgeRestored looks at what was asked after a restore, and answered before
// the next.
func (f *facts) judgeRestored(restore *history.Op, newest int64, r *report) {
	rate, fixed := f.tolerance()
	until := forever
	for i := range f.h.Ops {
		if o := &f.h.Ops[i]; o.Kind == history.Restore && o.Outcome != history.Refused && o != restore && end(o) > restore.Call {
			until = min(until, o.Call)
		}
	}
	for _, a := range f.acts {
		if !a.placed || a.Call < restore.Return || a.Return >= until {
			continue
		}
		r.saw(1)
		passed := time.Duration(float64(a.Return-restore.Call)*(1+rate)) + fixed
		if ahead := time.Duration(a.Time - newest); ahead > passed {
			r.convict("T2", show(restore, a.Op), "%s after the restore of a backup cluster time is %s beyond the newest backup's", a.Return-restore.Call, ahead)
			return
		}
	}
}

// newestBackup bounds the cluster time of the backups that a restore may have
// taken; false where one of them is not known.
func (f *facts) newestBackup(restore *history.Op) (newest int64, ok bool) {
	rate, fixed := f.tolerance()
	newest = math.MinInt64
	for i := range f.h.Ops {
		o := &f.h.Ops[i]
		if o.Kind != history.Save || o.Outcome == history.Refused || o.Call > restore.Return {
			continue
		}
		if o.Outcome != history.OK || o.Time == 0 {
			return 0, false
		}
		newest = max(newest, o.Time+int64(float64(o.Return-o.Call)*(1+rate))+int64(fixed))
	}
	return newest, newest != math.MinInt64
}
