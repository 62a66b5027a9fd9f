package check

import "github.com/limitd/limitd/jepsen/history"

// judge is a checker before it is given a history: it looks at the facts of one
// era, or at those of the whole history, and tells how many things it looked at.
type judge struct {
	name, what, rules string
	whole             bool // looks across restores
	look              func(*facts, *report)
}

// judges is the table of all checkers.
func judges() []judge {
	return []judge{
		{"holders", "as far as callers can know, never more slots of a limit are held than it has", "E1 E3 T3 T6", false, judgeHolders},
		{"beliefs", "holders that believe to hold never overlap beyond the slots", "safety E1 T2 S3", false, judgeBeliefs},
		{"occupancy", "no grant finds less room than it takes, by log index and cluster time", "E1 E3 E4 E5 T6", false, judgeOccupancy},
		{"reads", "a read shows the occupied slots and the settings of its index", "E5 E6 L2 section 7", false, judgeReads},
		{"denials", "what was denied did not fit, or came behind a waiter", "A1 E5 E6", false, judgeDenials},
		{"retry", "a denied try is told exactly when decay lets one through", "A1", false, judgeRetry},
		{"tokens", "tokens are unique and rise, by real time and by index", "S2", true, judgeTokens},
		{"clock", "cluster time never goes back, and never runs faster than real time", "T1 T2 T3", false, judgeClock},
		{"lag", "cluster time keeps up with real time under one leader, and over an election with what the new one had heard", "T2", false, judgeLag},
		{"index", "answers are true at an index that no earlier answer is beyond", "section 7 E7", false, judgeIndex},
		{"rate", "a decaying limit admits at most slots + decay*W in every span W", "E2 T5", false, judgeRate},
		{"exact", "where somebody always waits it admits no less, either", "E2", false, judgeExact},
		{"fifo", "within one limit it is first come, first served", "A2 A4", false, judgeFIFO},
		{"patience", "who was first for its patience is overtaken by no newcomer, on none of its limits", "A2", false, judgePatience},
		{"idle", "nobody waits while nothing stands in the way", "A3", false, judgeIdleWaits},
		{"waits", "a wait ends no sooner than its deadline, the lapse of interest, or somebody's word", "A1 A4", false, judgeWaits},
		{"once", "one id has one effect, and what ended is never granted", "E4 E5 section 6", true, judgeOnce},
		{"leases", "a lease lasts until its end, which only moves on, and never after it", "S3 S4 T6 E4", false, judgeLeases},
		{"ordinals", "no slot of a numbered limit is held twice", "L11", false, judgeOrdinals},
		{"toggles", "an inactive limit counts nothing, an active one everything", "L2", false, judgeToggles},
		{"restores", "after a restore cluster time goes on from the backup's", "T2", true, judgeRestores},
		{"resource", "what is guarded by tokens never accepts an older one after a newer", "S2", true, judgeResource},
		{"access", "who may not is refused, and learns nothing; who may is not, but while the token is rotated", "API", true, judgeAccess},
		{"prefect", "programs under Prefect's client get no more tokens of a rate than it has, and meet no error without a fault", "E2 API", false, judgePrefect},
		{"quiescence", "at the end nothing is held, and all nodes agree", "E6 E7", true, judgeQuiescence},
		{"linear", "answers are those of one limiter that did them one by one", "E1 E4 E5", false, judgeLinear},
	}
}

// Checkers returns all checkers.
func Checkers() []Checker {
	var list []Checker
	for _, j := range judges() {
		list = append(list, j.checker())
	}
	return list
}

// All has every checker judge h. The verdicts are in the order of Checkers.
func All(h *history.History) []Verdict {
	whole, eras := gather(h, true, nil), cut(h)
	var list []Verdict
	for _, j := range judges() {
		list = append(list, j.judge(whole, eras))
	}
	return list
}

func (j judge) checker() Checker {
	return Checker{Name: j.name, What: j.what, Rules: j.rules, Judge: func(h *history.History) []Violation {
		return j.judge(gather(h, true, nil), cut(h)).Violations
	}}
}

func (j judge) judge(whole *facts, eras []*facts) Verdict {
	r := &report{checker: j.name}
	if j.whole {
		eras = []*facts{whole}
	}
	for _, f := range eras {
		j.look(f, r)
	}
	c := j.checker()
	return Verdict{Checker: c, Looked: r.looked, Violations: r.violations}
}
