package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestRejoin(t *testing.T) {
	for parted, want := range map[string]string{
		"limit get a":        "limit get a",
		"get a : b":          "get a:b",
		"get a : b :: c":     "get a:b::c",
		"list --output = ":   "list --output= ",
		"list --output = js": "list --output=js",
		": x":                ":x",
		"":                   "",
	} {
		if got := strings.Join(rejoin(strings.Split(parted, " ")), " "); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q: %q, want %q", parted, got, want)
		}
	}
}

func TestBashQuote(t *testing.T) {
	for word, want := range map[string]string{"gpu": "gpu", "a b": `a\ b`, "it's": `it\'s`, "a$(x)": `a\$\(x\)`, "--slots": "--slots", "mü": "mü"} {
		if got := bashQuote(word, 0); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	for _, tt := range []struct {
		open       byte
		word, want string
	}{{'"', "a b", "a b"}, {'"', `$a"b`, `\$a\"b`}, {'\'', "a b", "a b"}, {'\'', "it's", `it'\''s`}} {
		if got := bashQuote(tt.word, tt.open); got != tt.want {
			t.Errorf("%s behind %c: %s, want %s", tt.word, tt.open, got, tt.want)
		}
	}
}

func TestUnquote(t *testing.T) {
	for raw, want := range map[string]quoted{
		"":            {},
		"gpu":         {"gpu", 0, 0},
		"a:b":         {"a:b", 0, 2},
		`"a b`:        {"a b", '"', 0},
		`"a b"`:       {"a b", 0, 0},
		`'it`:         {"it", '\'', 0},
		`it\'s`:       {"it's", 0, 0},
		`a\ b`:        {"a b", 0, 0},
		`a\`:          {"a", 0, 0},
		`a\:b`:        {"a:b", 0, 0},
		`"a:b`:        {"a:b", '"', 0},
		`a:"b c`:      {"a:b c", '"', 2},
		`"a\"b\c$`:    {`a"b\c$`, '"', 0},
		`'a\'b`:       {`a\b`, 0, 0},
		`--output="j`: {"--output=j", '"', 9},
	} {
		if got := unquote(raw); got != want {
			t.Errorf("%s: %+v, want %+v", raw, got, want)
		}
	}
}

// TestNoLineIsTooOdd completes behind every command, in every odd state.
func TestNoLineIsTooOdd(t *testing.T) {
	app := newApp(world{})
	names := func(string) []candidate { return words("gpu", "db") }
	each(app.Commands, nil, func(path []string) {
		for _, tail := range [][]string{{""}, {"-"}, {"--"}, {"--="}, {"--x=", ""}, {"-o"}, {"-o", ""}, {"--", ""}, {"--", "--", "x"}, {"=", ":"}, {"x", "y", "z"}} {
			l := readLine(app, slices.Concat(path, tail))
			for _, c := range l.candidates(names) {
				if !strings.HasPrefix(c.word, l.typed) || strings.Contains(c.word+c.about, "\n") || strings.Contains(c.about, "`") {
					t.Errorf("%v %v: the candidate %q (%s)", path, tail, c.word, c.about)
				}
			}
		}
	})
	if l := readLine(app, nil); len(l.candidates(names)) < 10 {
		t.Errorf("an empty line has the candidates %v", l.candidates(names))
	}
}

// What there is of another kind is not offered.
func TestEachArgumentHasItsKind(t *testing.T) {
	app := newApp(world{})
	for text, want := range map[string]string{
		"limit get ": kindLimits, "holders ": kindLimits, "exec ": kindLimits, "exec db --rate-limit ": kindLimits, "explain ": kindLimits,
		"limit create ": "", "acl token create ": "", "acl token create x --policy ": kindPolicies, "acl token get ": kindTokens, "acl token delete ": kindTokens,
		"acl token rotate ": kindTokens, "acl policy get ": kindPolicies, "acl policy set ": kindPolicies, "lease release ": kindLeases,
		"lease release --limit ": kindLimits, "operator raft remove-peer ": kindNodes, "operator raft transfer-leadership ": kindNodes,
		"tls cert create ": "", "snapshot save ": "",
	} {
		got := ""
		readLine(app, strings.Split(text, " ")).candidates(func(kind string) []candidate { got = kind; return nil })
		if got != want {
			t.Errorf("%q asks for %q, want %q", text, got, want)
		}
	}
}

func TestFilesAreOfferedWhereTheyMayStand(t *testing.T) {
	app := newApp(world{})
	for text, want := range map[string]bool{
		"limit list --ca-cert ": true, "exec db --client-key ": true, "agent --tls-ca-file ": true, "agent --gossip-key-file ": true, "agent --data-dir ": true,
		"tls cert create server --ca-key ": true, "tls ca create --dir ": true, "acl bootstrap --reset ": true, "acl token create x --to ": true,
		"validate ": true, "snapshot save ": true, "exec db -- ": true,
		"limit list --prefix ": false, "limit get ": false, "agent --name ": false, "nosuch ": false, "nosuch --config ": false, "--config ": false,
	} {
		if got := readLine(app, strings.Split(text, " ")).takesFile(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// each visits every command.
func each(commands []*cli.Command, above []string, visit func(path []string)) {
	for _, c := range commands {
		path := append(slices.Clone(above), c.Name)
		visit(path)
		each(c.Subcommands, path, visit)
	}
}
