package limit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

// aclRecords make a state with tokens and policies beside a limit.
func aclRecords(rules uint64) *limit.State {
	s := limit.New()
	h := command.Header{Stamp: 5e9, Accepted: 5e9, Term: 1, Wall: 1_700_000_000_000_000_000}
	workers := []command.Rule{{Verb: command.VerbAcquire, Limit: "db", Prefix: true}, {Verb: command.VerbManage, Limit: "api"}}
	for i, op := range []command.Op{
		&command.Genesis{ClusterID: [16]byte{1}, Settings: command.DefaultSettings(), Rules: rules},
		&command.PutLimit{Name: "db", Settings: command.LimitSettings{Slots: 2, Active: true}},
		&command.BootstrapACL{Hash: sha256.Sum256([]byte("first"))},
		&command.PutACLPolicy{Name: "workers", Rules: workers},
		&command.CreateACLToken{Name: "etl", Hash: sha256.Sum256([]byte("etl")), Policies: []string{"workers", "read"}, TTL: 3600e9, By: "bootstrap"},
		&command.RotateACLToken{Name: "etl", Hash: sha256.Sum256([]byte("etl2")), Keep: 60e9},
	} {
		h.ID = string(rune('a' + i))
		s.Apply(uint64(i+1), 1, command.Command{Header: h, Op: op})
	}
	return s
}

// TestGoldenACL is TestGoldenSnapshot for the format that has tokens and policies.
func TestGoldenACL(t *testing.T) {
	const path = "testdata/snapshot-3.hex"
	s := aclRecords(3)
	written := snapshot(s)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *newGolden {
		text = []byte(hexLines(written))
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(golden, written) {
		t.Errorf("wrote\n%s", hexLines(written))
	}
	restored, err := limit.Restore(bytes.NewReader(golden))
	if err != nil {
		t.Fatal(err)
	}
	if restored.Snapshot().Digest() != s.Snapshot().Digest() {
		t.Error("the restored state has another digest")
	}
	who, err := restored.ACL().Identify(sha256.Sum256([]byte("etl")), 30e9)
	if err != nil || who.Name != "etl" || !restored.ACL().Rights(who.Policies...).May(command.VerbAcquire, "db-2") {
		t.Errorf("%+v, %v", who, err)
	}
}

// A token is a part of the state that the digest tells apart, and none of its
// secret is.
func TestACLInDigest(t *testing.T) {
	s := aclRecords(3)
	before := s.Snapshot()
	digest := before.Digest()
	s.Apply(90, 1, command.Command{Header: command.Header{Stamp: 6e9, Term: 1}, Op: &command.DeleteACLToken{Name: "etl"}})
	if s.Snapshot().Digest() == digest || before.Digest() != digest {
		t.Error("the digest does not tell the token")
	}
	if bytes.Contains(snapshot(s), []byte("first")) {
		t.Error("the secret is in the snapshot")
	}
}

// Before version 3 of the rules there were no such records.
func TestACLNotInForce(t *testing.T) {
	s := aclRecords(2)
	if !s.ACL().Empty() {
		t.Error("they were played")
	}
	if b := snapshot(s); b[16] != 1 {
		t.Errorf("the snapshot has format %d", b[16])
	}
}

// A repeated record is answered as it was at first.
func TestACLReplay(t *testing.T) {
	s := aclRecords(3)
	op := &command.BootstrapACL{Hash: sha256.Sum256([]byte("first"))}
	a := s.Apply(91, 1, command.Command{Header: command.Header{Stamp: 6e9, Accepted: 5e9, Term: 1, ID: "c"}, Op: op})
	if token, ok := a.Result.(*command.ACLToken); !ok || !token.Replayed || token.Name != "bootstrap" {
		t.Errorf("%+v", a.Result)
	}
}
