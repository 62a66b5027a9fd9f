package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

var (
	//go:embed completion/limitd.bash
	bashCompletion string
	//go:embed completion/limitd.zsh
	zshCompletion string
	//go:embed completion/limitd.fish
	fishCompletion string
)

// shell is what differs between the shells.
type shell struct {
	script string
	// words are the words of the line, as the shell has parted it.
	words func(parted []string) []string
	// line writes a candidate for the word that is typed.
	line func(c candidate, l *line) string
}

func shells() map[string]shell {
	asParted := func(words []string) []string { return words }
	return map[string]shell{
		"bash": {bashCompletion, rejoin, bashLine},
		"zsh":  {zshCompletion, asParted, zshLine},
		"fish": {fishCompletion, asParted, fishLine},
	}
}

func completionCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a shell's completion script", ArgsUsage: "bash|zsh|fish",
		Description: "It completes commands, flags, their values, and the names of the limits that there are.\n\n" +
			"source <(limitd completion bash)      for this session; likewise zsh\n" +
			"limitd completion fish | source\n\n" +
			"The script itself says where it is put for all sessions.",
		Action: func(c *cli.Context) error {
			shell, ok := shells()[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("limitd completion", "name one shell: bash, zsh or fish")
			}
			_, err := fmt.Fprint(w.stdout, shell.script)
			return err
		},
	}
}

// partsWords are the characters at which bash parts words besides spaces.
const partsWords = ":="

// rejoin puts together what bash has parted at = and : within a word.
func rejoin(parted []string) []string {
	var words []string
	glue := false
	for _, part := range parted {
		separator := part != "" && strings.Trim(part, partsWords) == ""
		if (separator || glue) && len(words) > 0 {
			words[len(words)-1] += part
		} else {
			words = append(words, part)
		}
		glue = separator
	}
	return words
}

// bashLine returns what bash puts in the place of the last part of a word,
// quoted where a shell would take it apart.
func bashLine(c candidate, l *line) string {
	kept := strings.LastIndexAny(l.typed, partsWords) + 1
	return bashQuote(c.word[kept:])
}

func bashQuote(word string) string {
	const special = " \t!\"#$&'()*,;<>?[\\]^`{|}"
	var b strings.Builder
	for _, r := range word {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// zshLine returns what _describe reads: the word, with its colons escaped, and
// what it is about.
func zshLine(c candidate, l *line) string {
	word := strings.ReplaceAll(l.before+c.word, ":", `\:`)
	if c.about == "" {
		return word
	}
	return word + ":" + c.about
}

// fishLine returns the word, and behind a tab what it is about.
func fishLine(c candidate, l *line) string {
	if c.about == "" {
		return l.before + c.word
	}
	return l.before + c.word + "\t" + c.about
}
