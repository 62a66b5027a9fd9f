package client

import (
	"time"

	"github.com/limitd/limitd/transport/wire"
)

// LimitSettings are what people decide about a limit. The zero value is an
// active limit without slots.
type LimitSettings struct {
	// Slots is how many there are, 0 or more. When it is lowered nobody loses a
	// slot: nothing is granted until enough came back.
	Slots int64
	// Rate is how fast occupied slots come back by themselves, which makes it a
	// rate limit. "": not at all.
	Rate Rate
	// Inactive switches the limit off: nothing is counted, nobody is blocked.
	Inactive bool
	// Shadow lets all pass, and counts who would not have.
	Shadow bool
	// Numbered gives each slot an ordinal, 0 to Slots-1, that its holder learns.
	// Such a limit has at most 4,096 slots and no Rate; it is switched only while
	// nothing is occupied.
	Numbered bool
	// Grace is how long the slots of a lease that expired stay occupied, up to
	// 24 h.
	Grace time.Duration
	// Description is for people, up to 4 KiB.
	Description string
	// Labels are for people, and for LimitFilter; up to 64.
	Labels map[string]string
}

// Limit is a limit as it stood when it was read.
type Limit struct {
	Name string
	LimitSettings
	ID        string // a UUID, which stays when the limit is renamed
	Implicit  bool   // made by an acquire, and not edited since
	Revision  uint64 // of the settings; rises with every change
	CreatedAt time.Time
	UpdatedAt time.Time
	Status    LimitStatus
}

// LimitStatus is what went on at a limit.
type LimitStatus struct {
	Occupied  int64 // slots, rounded up where they decay
	Available int64 // slots; 0 where more are occupied than there are
	Waiting   int64 // acquires in the queue
	Denied    int64 // acquires that got nothing, since the limit was made
	// AvgSlotOccupancy is for how long a slot is occupied, on the average of late.
	AvgSlotOccupancy time.Duration
}

// request returns the settings as a POST or PUT sends them.
func (s LimitSettings) request() wire.LimitRequest {
	active := !s.Inactive
	return wire.LimitRequest{
		Slots: s.Slots, Active: &active, Rate: string(s.Rate), Enforcement: enforcement(s.Shadow), Numbered: s.Numbered,
		Grace: wire.Duration(s.Grace), Description: s.Description, Labels: s.Labels,
	}
}

// patch returns what makes was of l.
func (l *Limit) patch(was *Limit) wire.LimitPatch {
	active, shadow := !l.Inactive, enforcement(l.Shadow)
	rate := string(l.Rate)
	if rate == "" {
		rate = "0/s"
	}
	p := wire.LimitPatch{
		Name: &l.Name, Slots: &l.Slots, Active: &active, Rate: &rate, Enforcement: &shadow, Numbered: &l.Numbered,
		Grace: wire.Duration(l.Grace).Ptr(), Description: &l.Description, Labels: make(map[string]*string),
	}
	for key := range was.Labels {
		p.Labels[key] = nil
	}
	for key, value := range l.Labels {
		p.Labels[key] = &value
	}
	return p
}

func enforcement(shadow bool) string {
	if shadow {
		return wire.EnforcementShadow
	}
	return wire.EnforcementEnforce
}

// limitOf reads an answer.
func limitOf(w *wire.Limit) *Limit {
	l := &Limit{
		Name: w.Name, ID: w.ID, Implicit: w.Implicit, Revision: w.Revision, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
		LimitSettings: LimitSettings{
			Slots: w.Slots, Rate: Rate(w.Rate), Inactive: !w.Active, Shadow: w.Enforcement == wire.EnforcementShadow,
			Numbered: w.Numbered, Grace: time.Duration(w.Grace), Description: w.Description, Labels: w.Labels,
		},
		Status: LimitStatus{
			Occupied: w.Status.Occupied, Available: w.Status.Available, Waiting: w.Status.Waiting, Denied: w.Status.Denied,
			AvgSlotOccupancy: time.Duration(w.Status.AvgSlotOccupancy),
		},
	}
	if l.Rate == "0/s" {
		l.Rate = ""
	}
	return l
}
