//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/limitd/limitd/jepsen/check"
	"github.com/limitd/limitd/jepsen/history"
	"github.com/limitd/limitd/jepsen/report"
)

// What a run leaves in its folder.
const (
	historyFile = "history.jsonl"
	reportFile  = "report.html"
	errorsFile  = "errors.txt"
	trustDir    = "trust"    // certificates and keys
	programsDir = "programs" // what programs of other languages left
)

// store writes a history and its report into dir.
func store(h *history.History, verdicts []check.Verdict, dir string, links []report.Link) error {
	path := filepath.Join(dir, historyFile)
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(history.Encode(f, h), f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return writeReport(h, verdicts, dir, links)
}

func writeReport(h *history.History, verdicts []check.Verdict, dir string, links []report.Link) error {
	page := report.Page{
		History: h, Verdicts: verdicts, Again: "go run ./jepsen/run judge " + historyFile,
		Links: append([]report.Link{{Path: historyFile, What: "the history, a JSON object a line"}}, links...),
	}
	f, err := os.Create(filepath.Join(dir, reportFile))
	if err == nil {
		err = errors.Join(page.Write(f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// violations returns what all checkers found, and what the run lacks.
func violations(h *history.History, verdicts []check.Verdict) (list []check.Violation) {
	for _, v := range verdicts {
		list = append(list, v.Violations...)
	}
	return append(list, check.Enough(h)...)
}

// judgeAgain judges stored histories, and writes their reports anew.
func judgeAgain(args []string) error {
	if len(args) == 0 {
		return errors.New("name the history to judge: a history.jsonl")
	}
	failed := false
	for _, path := range args {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		h, err := history.Decode(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("read the history %s: %w", path, err)
		}
		verdicts := check.All(h)
		fmt.Printf("%s: %s under %s, %d operations, %d faults\n", path, h.Run.Workload, h.Run.Nemesis, len(h.Ops), len(h.Faults))
		for _, v := range verdicts {
			fmt.Printf("  %-12s %8d looked at  %d violations\n", v.Checker.Name, v.Looked, len(v.Violations))
		}
		broken := violations(h, verdicts)
		tell(broken)
		failed = failed || len(broken) > 0
		if err := writeReport(h, verdicts, filepath.Dir(path), nil); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// toldMost is how many violations are printed; the report has them all.
const toldMost = 12

func tell(list []check.Violation) {
	for i, v := range list {
		if i == toldMost {
			fmt.Printf("      and %d more\n", len(list)-i)
			return
		}
		fmt.Printf("      %s (%s): %s %v\n", v.Checker, v.Rule, v.What, v.Ops)
	}
}
