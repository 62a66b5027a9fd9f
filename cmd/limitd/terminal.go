package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/limitd/limitd/cmd/limitd/screen"
)

// isTerminal tells whether a stream of the world is a terminal.
func isTerminal(stream any) bool {
	_, ok := screen.Terminal(stream)
	return ok
}

// confirm asks the question on stderr, and tells whether the answer was yes.
func confirm(w world, question string) bool {
	fmt.Fprintf(w.stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(w.stdin).ReadString('\n') // no answer is no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
