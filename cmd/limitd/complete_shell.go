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
	// words are the words of the line, of what the shell has parted.
	words func(parted []string) []quoted
	// line writes a candidate for the last of them.
	line func(c candidate, l *line, typed quoted) string
}

func shells() map[string]shell {
	return map[string]shell{
		"bash": {bashCompletion, func(parted []string) []quoted { return unquoteAll(rejoin(parted)) }, bashLine},
		"zsh":  {zshCompletion, unquoteAll, zshLine},
		"fish": {fishCompletion, unquoteLast, fishLine},
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

// bashLine returns what bash puts in the place of the last part of a word, quoted
// where a shell would take it apart.
func bashLine(c candidate, l *line, typed quoted) string {
	return bashQuote((l.before + c.word)[typed.kept:], typed.open)
}

// bashQuote quotes a word that stands behind a quote that is open; 0: behind none.
func bashQuote(word string, open byte) string {
	special := " \t!\"#$&'()*,;<>?[\\]^`{|}"
	switch open {
	case '\'':
		return strings.ReplaceAll(word, `'`, `'\''`)
	case '"':
		special = inDouble
	}
	var b strings.Builder
	for _, r := range word {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inDouble are the characters that a \ takes their meaning from in "".
const inDouble = "\"$\\`"

// quoted is a word as somebody types it in a shell, perhaps in quotes.
type quoted struct {
	text string // without quotes and escapes
	open byte   // the quote that is open at its end; 0: none
	kept int    // bytes of text that bash leaves as they are when it completes the rest
}

func unquoteAll(words []string) []quoted {
	all := make([]quoted, len(words))
	for i, word := range words {
		all[i] = unquote(word)
	}
	return all
}

// unquoteLast is for fish, which has read all words but the last.
func unquoteLast(words []string) []quoted {
	all := make([]quoted, len(words))
	for i, word := range words {
		all[i] = quoted{text: word}
	}
	if last := len(words) - 1; last >= 0 {
		all[last] = unquote(words[last])
	}
	return all
}

// unquote reads what is typed of a word.
func unquote(raw string) quoted {
	var q quoted
	var text []byte
	opened := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == q.open:
			q.open = 0
		case q.open == 0 && (c == '"' || c == '\''):
			q.open, opened = c, len(text)
		case c == '\\' && q.open != '\'':
			if i++; i == len(raw) {
				break // what it escapes is not typed yet
			}
			if q.open == '"' && !strings.Contains(inDouble, raw[i:i+1]) {
				text = append(text, c)
			}
			text = append(text, raw[i])
		default:
			text = append(text, c)
			if q.open == 0 && strings.Contains(partsWords, raw[i:i+1]) {
				q.kept = len(text)
			}
		}
	}
	if q.open != 0 {
		q.kept = opened
	}
	q.text = string(text)
	return q
}

// zshLine returns what _describe reads: the word, with its colons escaped, and
// what it is about.
func zshLine(c candidate, l *line, _ quoted) string {
	word := strings.ReplaceAll(l.before+c.word, ":", `\:`)
	if c.about == "" {
		return word
	}
	return word + ":" + c.about
}

// fishLine returns the word, and behind a tab what it is about.
func fishLine(c candidate, l *line, _ quoted) string {
	if c.about == "" {
		return l.before + c.word
	}
	return l.before + c.word + "\t" + c.about
}
