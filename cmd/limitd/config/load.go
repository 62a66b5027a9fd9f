package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/limitd/limitd/fsm/limit"
)

// Sources say where a configuration is read from. Later fields win.
type Sources struct {
	// Paths are files, and folders of which all *.hcl files are read in the order of their names.
	Paths []string
	// Lookup finds an environment variable, like os.LookupEnv. Nil: none is set.
	Lookup func(name string) (string, bool)
	// Environ are all variables that are set, like os.Environ: those that look like
	// a slip of the pen are reported.
	Environ []string
	// Flags are values given on the command line, by the name of their key.
	Flags map[string]string
}

// Loaded is a configuration that was read, and all that is wrong with it.
type Loaded struct {
	Config Config

	diags  hcl.Diagnostics
	files  map[string]*hcl.File
	origin map[string]origin // by key; "limit.NAME.KEY" in limit blocks
	partly bool              // some file could not be read in full
}

// origin is where a value came from: a place in a file, or a flag or variable.
type origin struct {
	subject *hcl.Range
	text    string
	unread  bool // the value could not be read: the rules have nothing to judge
}

// Load reads a configuration over the defaults in base and validates it.
// Ask Report for what is wrong before using the result.
func Load(base Config, from Sources) *Loaded {
	l := &Loaded{Config: base, origin: map[string]origin{}}
	if from.Lookup == nil {
		from.Lookup = func(string) (string, bool) { return "", false }
	}
	l.readFiles(from)
	l.readVariables(from.Lookup)
	l.findSlips(from.Environ)
	l.readFlags(from.Flags)
	for _, p := range Validate(l.Config) {
		if p.Key == "data_dir" && l.partly && !l.Set(p.Key) {
			continue // it may stand in what could not be read
		}
		l.report(p)
	}
	return l
}

// OK tells whether nothing is wrong.
func (l *Loaded) OK() bool { return !l.diags.HasErrors() }

// Set tells whether the key was given by a file, a variable or a flag.
func (l *Loaded) Set(key string) bool {
	_, ok := l.origin[key]
	return ok
}

// Report writes every problem with the lines it comes from, wrapped at width
// columns (0: not at all), and tells whether there was one.
func (l *Loaded) Report(w io.Writer, width uint) (wrong bool, err error) {
	out := hcl.NewDiagnosticTextWriter(w, l.files, width, false)
	return len(l.diags) > 0, out.WriteDiagnostics(l.diags)
}

// textOf returns diagnostics with the lines they come from.
func textOf(diags hcl.Diagnostics, files map[string]*hcl.File) string {
	var b strings.Builder
	_ = hcl.NewDiagnosticTextWriter(&b, files, 0, false).WriteDiagnostics(diags) // a Builder takes everything
	return strings.TrimSpace(b.String())
}

func (l *Loaded) readFiles(from Sources) {
	parser := hclparse.NewParser()
	for _, path := range from.Paths {
		names, err := Files(path)
		if err != nil {
			l.partly = true
			l.fail(nil, "Cannot read the configuration", err.Error())
			continue
		}
		for _, name := range names {
			file, diags := parser.ParseHCLFile(name)
			l.partly = l.partly || diags.HasErrors()
			l.diags = append(l.diags, diags...)
			if file != nil && file.Body != nil {
				l.readBody(file.Body, evalContext(from.Lookup))
			}
		}
	}
	l.files = parser.Files()
}

// Files returns the files that a path names: itself, or a folder's *.hcl.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	names, err := filepath.Glob(filepath.Join(path, "*.hcl"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder %s holds no *.hcl file", path)
	}
	slices.Sort(names)
	return names, nil
}

func (l *Loaded) readVariables(lookup func(string) (string, bool)) {
	for _, k := range Keys() {
		if text, ok := lookup(k.Variable()); ok {
			l.setText(k, text, "the variable "+k.Variable())
		}
	}
}

// findSlips reports variables whose names are nearly those of a key. Others that
// begin with LIMITD_ are none of our business: orchestrators set such, too.
func (l *Loaded) findSlips(environ []string) {
	const near = 2
	var known []string
	for _, k := range Keys() {
		known = append(known, k.Variable())
	}
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "LIMITD_") || slices.Contains(known, name) {
			continue
		}
		for _, k := range known {
			if limit.Distance(name, k) <= near {
				l.fail(nil, "Unknown variable", fmt.Sprintf("There is no key for the variable %s. Did you mean %s?", name, k))
				break
			}
		}
	}
}

func (l *Loaded) readFlags(flags map[string]string) {
	for _, k := range Keys() {
		if text, ok := flags[k.Name]; ok {
			l.setText(k, text, "the flag --"+k.Flag())
		}
	}
}

func (l *Loaded) setText(k Key, text, from string) {
	err := setText(k.in(&l.Config), text)
	l.origin[k.Name] = origin{text: from, unread: err != nil}
	if err != nil {
		l.fail(nil, "Unsuitable value", fmt.Sprintf("%s is %q: %v.", from, text, err))
	}
}

// report adds a problem of the rules, at the place that its key came from.
func (l *Loaded) report(p Problem) {
	from := l.origin[p.Key]
	if from.unread {
		return
	}
	if from.subject == nil && from.text != "" {
		p.Detail += " (" + p.Key + " was set by " + from.text + ".)"
	}
	l.fail(from.subject, p.Summary, p.Detail)
}

func (l *Loaded) fail(at *hcl.Range, summary, detail string) {
	l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: at})
}
