package daemon

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/limitd/limitd/cmd/limitd/config"
	"github.com/limitd/limitd/fsm/limit"
	"github.com/limitd/limitd/transport/wire"
)

// TestDataOfOlderVersions starts this version on data directories that older
// ones left behind, one for each format that ever landed and kind of log store
// (testdata/formats/README.md). It has to come to the very state that the old
// version had, go on under the rules of now, and find that again when it is
// started once more.
func TestDataOfOlderVersions(t *testing.T) {
	archives, err := filepath.Glob("testdata/formats/*.tar.gz")
	if err != nil || len(archives) < 12 {
		t.Fatalf("%d data directories, %v", len(archives), err)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := readTold(t, strings.TrimSuffix(archive, ".tar.gz")+".json")
			c := testConfig()
			c.Name, c.Memory, c.DataDir = "n1", false, unpack(t, archive)
			c.Raft.LogStore = name[strings.LastIndex(name, "-")+1:]
			if format := newestSnapshot(t, c.DataDir); !strings.Contains(name, fmt.Sprintf("snapshot%d", format)) {
				t.Fatalf("its snapshot is of format %d", format)
			}
			if old["tokens"] != nil {
				c.ACL = config.ACL{Enabled: true, Anonymous: "operator"}
			}
			node := start(t, c)
			sameDigest(t, node, old)
			sameAnswers(t, node, old)
			awaitRules(t, node)
			work := goOn(t, node, old)
			if err := node.Close(t.Context()); err != nil {
				t.Fatalf("close: %v", err)
			}
			again := start(t, c)
			sameDigest(t, again, work)
			sameAnswers(t, again, work)
		})
	}
}

// told is what a node said of its state: the parts that make.sh asks for.
type told map[string]any

func readTold(t *testing.T, path string) (all told) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return all
}

// verified returns the index and digest of the record that all was told before.
func (all told) verified(t *testing.T) (index uint64, digest string) {
	t.Helper()
	var v wire.Verification
	text, err := json.Marshal(all["verify"])
	if err = errors.Join(err, json.Unmarshal(text, &v)); err != nil || v.Digests["n1"] == "" {
		t.Fatalf("no digest: %v", err)
	}
	return v.Index, v.Digests["n1"]
}

// sameDigest: at the record at which the state was digested before, this node's
// state has the same digest.
func sameDigest(t *testing.T, node *Daemon, before told) {
	t.Helper()
	index, want := before.verified(t)
	sum, ok, err := node.replica.Digest(t.Context(), index)
	if got := hex.EncodeToString(sum[:]); err != nil || !ok || got != want {
		t.Errorf("the digest at record %d is %s, %v, %v, and was %s", index, got, ok, err, want)
	}
}

// paths are where the parts that a node told are asked for.
func (all told) paths() map[string]string {
	paths := map[string]string{"limits": "/v1/limits", "leases": "/v1/leases", "queue": "/v1/limits/db/queue"}
	if all["tokens"] != nil {
		paths["policies"], paths["tokens"] = "/v1/acl/policies", "/v1/acl/tokens"
	}
	return paths
}

// sameAnswers asks all that was told before, and finds it unchanged.
func sameAnswers(t *testing.T, node *Daemon, before told) {
	t.Helper()
	for part, path := range before.paths() {
		same(t, part, before[part], ask(t, node, path))
	}
	acquires, _ := before["acquires"].(map[string]any)
	for id, was := range acquires {
		same(t, "acquire "+id, was, ask(t, node, "/v1/acquires/"+id))
	}
}

func ask(t *testing.T, node *Daemon, path string) (v any) {
	t.Helper()
	status, body := send(t, node, "GET", path, "")
	if err := json.Unmarshal([]byte(body), &v); err != nil || status != 200 {
		t.Fatalf("%s: %d %s, %v", path, status, body, err)
	}
	return v
}

// passing are fields that change with time, or with the words of a version.
var passing = map[string]bool{
	"expires_in": true, "expires_at": true, "held": true, "waiting_for": true, "deadline_in": true, "waited": true,
	"estimated_wait": true, "avg_slot_occupancy": true, "quarantine": true, "retry_after": true,
	"request_id": true, "hint": true, "detail": true,
}

// same compares all that was told with what is: newer versions may say more.
func same(t *testing.T, where string, was, is any) {
	t.Helper()
	switch was := was.(type) {
	case map[string]any:
		now, _ := is.(map[string]any)
		for key, v := range was {
			if !passing[key] {
				same(t, where+"."+key, v, now[key])
			}
		}
	case []any:
		now, _ := is.([]any)
		if len(now) != len(was) {
			t.Errorf("%s: %d were told, and there are %d: %v", where, len(was), len(now), is)
			return
		}
		for i, v := range was {
			same(t, fmt.Sprintf("%s[%d]", where, i), v, now[i])
		}
	default:
		if was != is {
			t.Errorf("%s was %v, and is %v", where, was, is)
		}
	}
}

// goOn has the node work on what it found, and returns what it says then.
func goOn(t *testing.T, node *Daemon, old told) told {
	t.Helper()
	if status, body := send(t, node, "DELETE", "/v1/cluster/quarantine", ""); status != 204 {
		t.Errorf("end the quarantine: %d %s", status, body)
	}
	newest := 0.0 // token
	leases, _ := old["leases"].(map[string]any)["leases"].([]any)
	for _, l := range leases {
		token, _ := l.(map[string]any)["token"].(float64)
		newest = max(newest, token)
	}
	if status, body := send(t, node, "POST", "/v1/release", `{"id":"kept"}`); status != 200 || !strings.Contains(body, `"released":true`) {
		t.Errorf("release: %d %s", status, body)
	}
	waited, _ := ask(t, node, "/v1/acquires/waits").(map[string]any)
	if waited["state"] != wire.StateGranted {
		t.Errorf("after the release the one that waited is %v", waited)
	}
	send(t, node, "PUT", "/v1/limits/new", `{"slots":2}`)
	status, body := send(t, node, "POST", "/v1/acquire", `{"id":"new","ttl":"24h","limits":[{"name":"new"}]}`)
	var grant wire.Grant
	if err := json.Unmarshal([]byte(body), &grant); err != nil || status != 200 || float64(grant.Token) <= newest {
		t.Errorf("a new grant: %d %s, %v; there was the token %v", status, body, err, newest)
	}
	now := told{"tokens": old["tokens"], "acquires": map[string]any{"new": ask(t, node, "/v1/acquires/new")}}
	for part, path := range now.paths() {
		now[part] = ask(t, node, path)
	}
	_, body = send(t, node, "POST", "/v1/cluster/verify", "")
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("verify: %s, %v", body, err)
	}
	now["verify"] = v
	return now
}

// awaitRules waits until the newest rules are in force.
func awaitRules(t *testing.T, node *Daemon) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rules := uint64(0)
	for index := uint64(1); rules != limit.Rules; index++ {
		if err := node.replica.AwaitApplied(ctx, index); err != nil {
			t.Fatalf("rules version %d is in force, not %d: %v", rules, limit.Rules, err)
		}
		node.replica.View(func(s *limit.State) { rules, index = s.Rules(), s.Index() })
	}
}

// newestSnapshot returns the format of the newest snapshot in a data directory.
func newestSnapshot(t *testing.T, dir string) byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshot: %v", err)
	}
	newest, last := "", uint64(0)
	for _, path := range files {
		var term, index uint64 // as raft names its folders
		if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(path)), "%d-%d-", &term, &index); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if index > last {
			newest, last = path, index
		}
	}
	content, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	return content[len("limitd snapshot\n")]
}

// unpack writes an archive into a folder of the test's.
func unpack(t *testing.T, archive string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(zipped); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err == nil {
			err = extract(filepath.Join(dir, filepath.FromSlash(head.Name)), head, files)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// extract writes one entry of an archive, empty space as a hole: a segment of
// the log is 64 MiB of it.
func extract(path string, head *tar.Header, content io.Reader) error {
	if head.FileInfo().IsDir() {
		return os.MkdirAll(path, 0o700)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(head.Size); err != nil {
		return err
	}
	block, empty := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(content, block)
		if n > 0 && string(block[:n]) != string(empty[:n]) {
			if _, err := f.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
