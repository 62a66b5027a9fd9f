//go:build linux

package prefect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNone says that there is no Python environment with Prefect 3.
var ErrNone = errors.New("prefect: no Python environment of Prefect 3")

// Cache is the folder in which tools/prefect/venv keeps environments, one for each
// version.
func Cache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "limitd", "prefect")
}

// Newest returns the environment of the newest Prefect 3 in a cache, or an error
// that is ErrNone.
func Newest(cache string) (python string, err error) {
	var best []int
	dirs, err := filepath.Glob(filepath.Join(cache, "3.*", "bin", "python"))
	for _, path := range dirs {
		dir := filepath.Dir(filepath.Dir(path))
		if v, ok := version(filepath.Base(dir)); ok && slices.Compare(v, best) > 0 {
			python, best = dir, v
		}
	}
	if err == nil && python == "" {
		err = fmt.Errorf("%w in %s: make prefect-environment", ErrNone, cache)
	}
	return python, err
}

// version reads 3.8.8, which a day may follow.
func version(name string) (numbers []int, ok bool) {
	name, _, _ = strings.Cut(name, "-")
	for part := range strings.SplitSeq(name, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}
