package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// head writes what was measured, and on what.
func (b *trial) head() {
	fmt.Fprintf(b.out, "Measured on %s, %d cores (%s), %s, %d rounds of %v.\n", time.Now().Format(time.DateOnly),
		runtime.NumCPU(), processor(), runtime.Version(), b.rounds, b.length)
	fmt.Fprintf(b.out, "limitd: %s.", first(b.limitd, "version"))
	if !b.compares() {
		fmt.Fprintln(b.out)
		return
	}
	fmt.Fprintf(b.out, " etcd: %s. ", first(b.etcd, "--version"))
	if b.redis == "" {
		fmt.Fprintf(b.out, "Redis: left out, there is none here.\n")
		return
	}
	fmt.Fprintf(b.out, "Redis: %s.\n", first(b.redis, "--version"))
}

// first returns the first line that a program says.
func first(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// processor returns its name, as far as Linux tells it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return runtime.GOARCH
}
