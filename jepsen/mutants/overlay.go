package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const plantedPackage = "github.com/limitd/limitd/jepsen/mutants/planted"

// patch returns the patched files, by their path from root, with all edits of
// all bugs in them.
func patch(root string, all []Bug) (map[string]string, error) {
	files := make(map[string]string)
	for _, b := range all {
		for _, e := range b.Edits {
			text, ok := files[e.File]
			if !ok {
				source, err := os.ReadFile(filepath.Join(root, e.File))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", b.Name, err)
				}
				text = string(source)
			}
			if n := strings.Count(text, e.Old); n != 1 {
				return nil, fmt.Errorf("%s: %s has %d times, and not once:\n%s", b.Name, e.File, n, e.Old)
			}
			files[e.File] = strings.Replace(text, e.Old, e.New, 1)
		}
	}
	for name, text := range files {
		files[name] = withImport(text)
	}
	return files, nil
}

// withImport lets a patched file import planted, where it uses it.
func withImport(text string) string {
	if !strings.Contains(text, "planted.On(") {
		return text
	}
	before, after, _ := strings.Cut(text, "\npackage ")
	if strings.HasPrefix(text, "package ") {
		before, after = "", strings.TrimPrefix(text, "package ")
	}
	clause, rest, _ := strings.Cut(after, "\n")
	return before + "\npackage " + clause + "\n\nimport \"" + plantedPackage + "\"\n" + rest
}

// writeFiles writes the patched files into dir, and returns which of those in
// root each of them replaces.
func writeFiles(root, dir string, files map[string]string) (map[string]string, error) {
	replace := make(map[string]string, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(files[name]), 0o600); err != nil {
			return nil, fmt.Errorf("write a patched file: %w", err)
		}
		replace[filepath.Join(root, name)] = to
	}
	return replace, nil
}

// writeOverlay writes what go build -overlay reads, and returns its path.
func writeOverlay(dir string, replace map[string]string) (string, error) {
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("encode the overlay: %w", err)
	}
	to := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(to, b, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return to, nil
}
