// Package check judges histories. Every checker is a pure function of a
// history; none shares code with the state machine. A checker never cries wolf:
// what it reports cannot happen in a limitd that keeps docs/semantics.md.
//
//	for _, verdict := range check.All(h) {
//		for _, v := range verdict.Violations {
//			fmt.Println(v.Checker, v.Rule, v.What)
//		}
//	}
//	for _, v := range check.Enough(h) { // a run that says too little has failed, too
//		fmt.Println(v.What)
//	}
//
// Where to look: table.go lists the checkers, each in a file of its name.
// facts.go puts a history in order for all of them: it bounds where in the log
// each call had its effect. era.go divides it at restores. grant.go, ends.go and
// holds.go tell what is known of each lease, limit.go and room.go of each limit,
// request.go of each id. What is not known for certain always speaks for the accused.
package check

import "github.com/limitd/limitd/jepsen/history"

// Violation is a broken promise.
type Violation struct {
	Checker string `json:"checker"`
	Rule    string `json:"rule"` // of docs/semantics.md: E1, S2, ...
	What    string `json:"what"` // in a sentence, with the numbers
	Ops     []int  `json:"ops"`  // the calls that show it, by Op.Number
}

// Checker judges one promise.
type Checker struct {
	Name  string
	What  string // in a sentence
	Rules string // that it can convict: "E1 E3"
	Judge func(*history.History) []Violation
}

// Verdict is what one checker said.
type Verdict struct {
	Checker    Checker
	Looked     int // operations, or facts, that it looked at: 0 says that it judged nothing
	Violations []Violation
}
