package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/limitd/limitd/fsm/command"
	"github.com/limitd/limitd/fsm/limit"
)

const example = "../../../config.hcl.example"

// TestExample holds config.hcl.example to its word: it names every key, no
// other, and gives each its default.
func TestExample(t *testing.T) {
	l := Load(Default("n1"), Sources{Paths: []string{example}})
	if !l.OK() {
		t.Fatalf("config.hcl.example: %v", l.diags)
	}
	for _, k := range Keys() {
		if !l.Set(k.Name) {
			t.Errorf("config.hcl.example lacks the key %s", k.Name)
		}
	}
	for _, k := range limitKeys() {
		if !l.Set("limit.db." + k.name) {
			t.Errorf("the limit of config.hcl.example lacks the key %s", k.name)
		}
	}
	want := Default("n1")
	want.DataDir = "/var/lib/limitd"
	want.Limit = []Limit{newLimit("db")}
	want.Limit[0].Slots = 5
	want.Limit[0].Labels = map[string]string{}
	if diff := cmp.Diff(want, l.Config); diff != "" {
		t.Errorf("config.hcl.example differs from the defaults (-default +example):\n%s", diff)
	}
}

// TestExamplesAreFormatted holds what people begin with to what config fmt makes of it.
func TestExamplesAreFormatted(t *testing.T) {
	names, err := filepath.Glob("../../../deploy/*/*.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no configuration in deploy: %v", err)
	}
	for _, name := range append(names, example) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		formatted, err := Format(name, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(formatted)); diff != "" {
			t.Errorf("%s is not formatted; run: limitd config fmt -w\n%s", name, diff)
		}
	}
}

// TestKeysReachEveryField walks the configuration by reflection: each field has
// one key, and each key a field.
func TestKeysReachEveryField(t *testing.T) {
	c := &Config{}
	keys := map[any]string{}
	for _, k := range Keys() {
		if other := keys[k.in(c)]; other != "" {
			t.Errorf("the keys %s and %s set the same field", other, k.Name)
		}
		keys[k.in(c)] = k.Name
	}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+v.Type().Field(i).Name
			switch {
			case slices.Contains([]string{"Memory", "Limit"}, name): // no keys, as documented
			case field.Kind() == reflect.Struct:
				walk(name+".", field)
			case keys[field.Addr().Interface()] == "":
				t.Errorf("no key sets the field %s", name)
			default:
				delete(keys, field.Addr().Interface())
			}
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	for _, name := range keys {
		t.Errorf("the key %s sets no field of Config", name)
	}
	if fields := reflect.TypeFor[Limit]().NumField(); fields != len(limitKeys())+1 {
		t.Errorf("a limit has %d fields besides its name, and %d keys", fields-1, len(limitKeys()))
	}
}

// TestSpellings holds the three spellings of a key together.
func TestSpellings(t *testing.T) {
	for _, k := range Keys() {
		if k.Name == "cluster.retry_join" && (k.Flag() != "cluster-retry-join" || k.Variable() != "LIMITD_CLUSTER_RETRY_JOIN") {
			t.Errorf("spellings of %s: --%s, %s", k.Name, k.Flag(), k.Variable())
		}
		c := Default("n1")
		text := k.Get(c)
		if err := setText(k.in(&c), text); err != nil {
			t.Errorf("%s: its default %q cannot be given to its flag: %v", k.Name, text, err)
		}
		if diff := cmp.Diff(Default("n1"), c); diff != "" {
			t.Errorf("%s: its default given to its flag changes something:\n%s", k.Name, diff)
		}
	}
}

// TestSeedsAreWhatTheClusterTakes compares the ranges of the limits block with
// those of the state machine, at and beyond every power of two and at the known ends.
func TestSeedsAreWhatTheClusterTakes(t *testing.T) {
	fields := reflect.TypeFor[Limits]().NumField()
	ids := 0
	for id := command.SettingID(0); id <= command.SettingMaxLeases; id++ {
		ids++
		for _, value := range interesting() {
			settings := command.DefaultSettings().With([]command.SettingChange{{Setting: id, Value: value}})
			k := &checker{}
			k.limits(LimitsOf(settings))
			if refused := limit.CheckSetting(id, value) != nil; refused != (len(k.problems) > 0) {
				t.Errorf("setting %d = %d: the cluster refuses it: %v; the configuration: %v", id, value, refused, k.problems)
			}
		}
	}
	if ids != fields {
		t.Errorf("%d settings, %d fields", ids, fields)
	}
}

func interesting() []int64 {
	values := []int64{0, -1}
	for _, unit := range []int64{1, 1e6, 1e9, 60e9, 3600e9, 24 * 3600e9} {
		for n := int64(1); n <= 1e9 && n*unit > 0 && n*unit < 1e18; n *= 10 {
			for _, v := range []int64{n * unit, 2 * n * unit, 365 * n * unit} {
				values = append(values, v-1, v, v+1)
			}
		}
	}
	return values
}

func TestLimitBlocksAreJudgedByTheStateMachine(t *testing.T) {
	for _, bad := range []Limit{
		{Name: "", Slots: 1, Rate: "0/s", Enforcement: "enforce"},
		{Name: "a/b", Slots: 1, Rate: "0/s", Enforcement: "enforce"},
		{Name: "a", Slots: -1, Rate: "0/s", Enforcement: "enforce"},
		{Name: "a", Slots: 1, Rate: "fast", Enforcement: "enforce"},
		{Name: "a", Slots: 1, Rate: "1/s", Enforcement: "enforce", Numbered: true},
		{Name: "a", Slots: 1, Rate: "0/s", Enforcement: "enforce", Grace: -1},
		{Name: "a", Slots: 1, Rate: "0/s", Enforcement: "maybe"},
	} {
		k := &checker{}
		k.limit(bad)
		if len(k.problems) != 1 || !strings.HasPrefix(k.problems[0].Key, "limit."+bad.Name) {
			t.Errorf("%+v: %v", bad, k.problems)
		}
	}
}
