// Command notices writes THIRD_PARTY_NOTICES: for every module that the limitd
// binary links, its name, version, place and licence texts, taken from the
// module cache.
//
//	go -C tools run ./notices -root .. > THIRD_PARTY_NOTICES
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// module is one linked module.
type module struct {
	Path, Version, Dir string
}

func main() {
	root := flag.String("root", ".", "folder of limitd's go.mod")
	tags := flag.String("tags", "", "build tags of the binary")
	flag.Parse()
	if err := run(os.Stdout, *root, *tags); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, root, tags string) error {
	modules, err := linked(root, tags)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, header, len(modules))
	for _, m := range modules {
		if err := write(w, m); err != nil {
			return err
		}
	}
	if err := writeGo(w); err != nil {
		return err
	}
	return w.Flush()
}

const header = `Third-party software in limitd
==============================

The limitd binary contains the Go standard library and runtime, and %d modules
of other authors, each under its own licence, which follows. Modules under the
Mozilla Public License 2.0 are used unchanged; where their source code is to be
had is said at each. This file is made by tools/notices.
`

// linked lists the modules of all packages that the binary is built of.
func linked(root, tags string) ([]module, error) {
	seen := map[string]module{}
	command := exec.Command("go", "list", "-deps", "-tags", tags, "-json=Module", "./cmd/limitd")
	command.Dir, command.Stderr = root, os.Stderr
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	listed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", err)
	}
	packages := json.NewDecoder(bytes.NewReader(listed))
	for {
		var p struct{ Module *module }
		err := packages.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		if p.Module != nil && p.Module.Version != "" { // limitd itself has none
			seen[p.Module.Path] = *p.Module
		}
	}
	var modules []module
	for _, m := range seen {
		modules = append(modules, m)
	}
	sort.Slice(modules, func(i, j int) bool { return modules[i].Path < modules[j].Path })
	return modules, nil
}

func write(w io.Writer, m module) error {
	names, err := licences(m.Dir)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s has no licence file in %s", m.Path, m.Dir)
	}
	title(w, m.Path+" "+m.Version)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(m.Dir, name))
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte("Mozilla Public License")) {
			fmt.Fprintf(w, "The source code of %s %s is available at https://%s\n\n", m.Path, m.Version, home(m.Path))
		}
		fmt.Fprintf(w, "%s\n", bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
	}
	return nil
}

func title(w io.Writer, text string) {
	line := strings.Repeat("-", 80)
	fmt.Fprintf(w, "\n%s\n%s\n%s\n\n", line, text, line)
}

// home returns the module's path without the suffix of its major version.
func home(path string) string {
	return regexp.MustCompile(`/v[0-9]+$`).ReplaceAllString(path, "")
}

// licences lists the files of a module's top folder that speak of licences.
func licences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	speaks := regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([.-].*)?$`)
	var names []string
	for _, e := range entries {
		if !e.IsDir() && speaks.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// writeGo adds the licence of Go itself.
func writeGo(w io.Writer) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "LICENSE"))
	if err != nil {
		return err
	}
	title(w, "The Go standard library and runtime")
	_, err = fmt.Fprintf(w, "%s\n", bytes.TrimSpace(text))
	return err
}
