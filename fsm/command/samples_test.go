package command_test

import (
	"github.com/limitd/limitd/fsm/command"
)

// sampleHeader has a value in every field.
func sampleHeader() command.Header {
	return command.Header{Stamp: 1_500_000_001, Term: 7, Wall: 1_700_000_000_000_000_000, Accepted: 1_400_000_000, ID: "job-42"}
}

// sampleOps has one operation of each kind, with a value in every field.
func sampleOps() []command.Op {
	return []command.Op{
		&command.Genesis{ClusterID: sampleID(3), Settings: command.DefaultSettings(), Rules: 1},
		&command.Tick{}, &command.Read{}, &command.Verify{},
		sampleAcquire(),
		&command.Release{Token: 812, ID: "job-42"},
		&command.Renew{Tokens: []uint64{812, 815}, IDs: []string{"a", "b"}, TTL: 60e9},
		&command.Cancel{ID: "job-42"},
		&command.Interest{Ages: []uint64{3, 1000, 70000}},
		&command.Part{ID: "job-42", Lapse: 30e9},
		&command.PutLimit{Name: "db", Settings: sampleLimitSettings(), Mode: command.PutReplace, IfRevision: ptr(uint64(17))},
		sampleUpdate(),
		&command.DeleteLimit{Name: "db", IfRevision: ptr(uint64(18))},
		&command.ResetLimit{Name: "db"},
		&command.ForceRelease{Token: 812},
		&command.Decrement{Entries: []command.Entry{{Name: "db", Slots: 2}, {Name: "api", Slots: 1, Mode: command.RateLimit}}, Occupied: 2.5e9},
		&command.SetActive{Name: "db", Slots: 3},
		&command.UpdateSettings{Set: []command.SettingChange{{Setting: command.SettingPatience, Value: 5e9}, {Setting: command.SettingMaxLeases, Value: 9}}},
		&command.SetRules{Version: 2},
		&command.Disown{ID: "job-42"},
		&command.PutACLPolicy{Name: "workers", Rules: sampleRules()},
		&command.DeleteACLPolicy{Name: "workers"},
		&command.CreateACLToken{Name: "etl", Hash: sampleHash(7), Policies: []string{"workers", "read"}, TTL: 3600e9, By: "bootstrap"},
		&command.RotateACLToken{Name: "etl", Hash: sampleHash(9), Keep: 60e9},
		&command.DeleteACLToken{Name: "etl"},
		&command.BootstrapACL{Hash: sampleHash(11), Reset: 812},
		&command.EndQuarantine{},
	}
}

func sampleAcquire() *command.Acquire {
	return &command.Acquire{
		Entries: []command.Entry{{Name: "db", Slots: 2}, {Name: "api", Slots: 1, Mode: command.RateLimit}},
		Wait:    30e9, TTL: 60e9, Linger: 15e9,
		Owner:   command.Owner{Name: "etl", Host: "w7", PID: 4711, Meta: []command.Pair{{Key: "run", Value: "a1"}}},
		Missing: command.MissingCreate, Anonymous: true, Family: sampleID(9),
	}
}

func sampleUpdate() *command.UpdateLimit {
	return &command.UpdateLimit{
		Name: "db", IfRevision: ptr(uint64(17)), NewName: ptr("database"), Slots: ptr(int64(9)), Active: ptr(false),
		Rate: ptr(sampleRate()), Shadow: ptr(true), Numbered: ptr(true), Grace: ptr(int64(5e9)), Description: ptr("the one database"),
		Labels: &command.LabelPatch{Clear: true, Set: []command.Pair{{Key: "team", Value: "data"}}, Delete: []string{"old"}},
	}
}

func sampleLimitSettings() command.LimitSettings {
	return command.LimitSettings{
		Slots: 5, Active: true, Rate: sampleRate(), Shadow: true, Numbered: true, Grace: 3e9,
		Description: "the one database", Labels: []command.Pair{{Key: "team", Value: "data"}},
	}
}

func sampleRate() command.Rate {
	return command.Rate{Num: 1, Den: 6_000_000_000, Text: "10/m"}
}

// sampleResults has one result of each kind, with a value in every field.
func sampleResults() []command.Result {
	return []command.Result{
		&command.Done{Replayed: true},
		&command.NotRun{WrongTerm: true},
		&command.Problem{Code: command.CodeNeverFits, Limit: "db", Have: 3, Want: 5, Detail: "why", Replayed: true},
		sampleGranted(),
		&command.Denied{ID: "job-42", Expired: true, RetryAfter: 1.2e9, Position: 4, BlockedBy: []command.Blocker{{Name: "db", Slots: 5, Occupied: 4, Ahead: 3}}, Replayed: true},
		&command.Waiting{ID: "job-42", Age: 99, Position: 4, EstimatedWait: -1, BlockedBy: []command.Blocker{{Name: "db", Slots: 5, Occupied: 4, Ahead: 3}}},
		&command.Released{Released: true, Reason: command.ReasonForced, Replayed: true},
		&command.Renewed{Leases: []command.RenewedLease{{Token: 812, ID: "job-42", State: command.LeaseWaiting, ExpiresIn: 59e9}}},
		&command.Cancelled{Cancelled: true, Replayed: true},
		sampleLimit(),
		&command.Limits{Limits: []command.Limit{*sampleLimit()}},
		&command.Freed{Slots: 5, Replayed: true},
		&command.SettingsNow{Settings: command.DefaultSettings()},
		&command.ACLPolicy{Name: "workers", Rules: sampleRules(), UpdatedWall: 1_700_000_000_000_000_000, Created: true, Replayed: true},
		&command.ACLToken{
			Name: "etl", Policies: []string{"workers", "read"}, By: "bootstrap", CreatedWall: 1_700_000_000_000_000_000,
			RotatedWall: 1_700_000_000_000_000_001, Expires: 7200e9, OldUntil: 60e9, Replayed: true,
		},
	}
}

func sampleGranted() *command.Granted {
	return &command.Granted{
		ID: "job-42", Token: 812, Lease: true, TTL: 60e9, Waited: 2e9, ExpiresIn: 58e9,
		GrantedWall: 1_700_000_000_000_000_000, ExpiresWall: 1_700_000_060_000_000_000,
		Limits: []command.GrantedLimit{{
			UUID: sampleID(5), Name: "db", Slots: 2, Mode: command.RateLimit, Counted: true, WouldDeny: true, Ordinals: []uint32{0, 3},
			Capacity: 5, Occupied: 4, Rate: sampleRate(),
		}},
		Skipped: []string{"no-such-limit"}, Replayed: true,
	}
}

func sampleLimit() *command.Limit {
	return &command.Limit{
		UUID: sampleID(5), Name: "db", Settings: sampleLimitSettings(), Implicit: true, Revision: 17, Created: true,
		CreatedWall: 1_700_000_000_000_000_000, UpdatedWall: 1_700_000_000_000_000_001,
		Occupied: 4, Waiting: 3, Denied: 12, AvgOccupancy: 2.1e9, Replayed: true,
	}
}

func sampleRules() []command.Rule {
	return []command.Rule{{Verb: command.VerbAcquire, Limit: "db", Prefix: true}, {Verb: command.VerbManage, Limit: "api"}}
}

func sampleHash(first byte) (hash [32]byte) {
	for i := range hash {
		hash[i] = first + byte(i)
	}
	return hash
}

func sampleID(first byte) (id [16]byte) {
	for i := range id {
		id[i] = first + byte(i)
	}
	return id
}

func ptr[T any](v T) *T { return &v }
