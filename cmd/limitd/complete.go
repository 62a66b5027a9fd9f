package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completer lists what may stand as an argument of a command.
type completer func() []string

// completers finds a command's completer by the command's path; filled by what
// the tree says in Metadata-free form: only the limit commands take names.
func completers(w world) map[string]completer {
	names := func() []string { return limitNames(w) }
	byPath := map[string]completer{"completion": func() []string { return []string{"bash", "zsh", "fish"} }}
	for _, verb := range []string{"get", "update", "delete", "enable", "disable", "reset"} {
		byPath["limit "+verb] = names
	}
	return byPath
}

// completeCommand is what the shells' scripts call: it gets the words of the
// line, the last one being typed, and prints candidates, one a line, with a
// description behind a tab where there is one.
func completeCommand(w world, app *cli.App) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			for _, line := range candidates(app.Commands, c.Args().Slice(), completers(w)) {
				fmt.Fprintln(w.stdout, line)
			}
			return nil
		},
	}
}

func candidates(commands []*cli.Command, words []string, complete map[string]completer) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, before := words[len(words)-1], words[:len(words)-1]
	var flags []cli.Flag
	var path []string
	for _, word := range before {
		if command := find(commands, word); command != nil {
			commands, flags, path = command.Subcommands, command.Flags, append(path, command.Name)
		}
	}
	if len(before) > 0 && strings.HasPrefix(before[len(before)-1], "-") && takesValue(flags, before[len(before)-1]) {
		return nil // a flag's value: the shell offers files
	}
	if strings.HasPrefix(typed, "-") {
		return flagCandidates(flags, typed)
	}
	list := commandCandidates(commands, typed)
	if arguments := complete[strings.Join(path, " ")]; arguments != nil {
		for _, a := range arguments() {
			if strings.HasPrefix(a, typed) {
				list = append(list, a)
			}
		}
	}
	return list
}

func commandCandidates(commands []*cli.Command, typed string) []string {
	var list []string
	for _, c := range commands {
		if !c.Hidden && strings.HasPrefix(c.Name, typed) {
			list = append(list, c.Name+"\t"+c.Usage)
		}
	}
	return list
}

func flagCandidates(flags []cli.Flag, typed string) []string {
	var list []string
	for _, f := range flags {
		name := "--" + f.Names()[0]
		usage := ""
		if documented, ok := f.(cli.DocGenerationFlag); ok {
			usage = "\t" + documented.GetUsage()
		}
		if strings.HasPrefix(name, "--"+strings.TrimLeft(typed, "-")) {
			list = append(list, name+usage)
		}
	}
	return list
}

func completionCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a shell's completion script", ArgsUsage: "bash|zsh|fish",
		Description: "For this session: source <(limitd completion bash). For all: write it where your shell looks for completions.",
		Action: func(c *cli.Context) error {
			script, ok := completionScripts()[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("limitd completion", "name one shell: bash, zsh or fish")
			}
			_, err := fmt.Fprint(w.stdout, script)
			return err
		},
	}
}

func completionScripts() map[string]string {
	return map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
}

const bashCompletion = `# bash completion for limitd
_limitd() {
    local IFS=$'\n'
    COMPREPLY=($(limitd __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _limitd limitd
`

const zshCompletion = `#compdef limitd
_limitd() {
    local -a lines
    lines=("${(@f)$(limitd __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    lines=("${(@)lines//:/\\:}")
    lines=("${(@)lines/$'\t'/:}")
    if (( ${#lines} )) && [[ -n ${lines[1]} ]]; then _describe limitd lines; else _files; fi
}
compdef _limitd limitd
`

const fishCompletion = `# fish completion for limitd
function __limitd_complete
    set -l words (commandline -opc) (commandline -ct)
    limitd __complete $words[2..-1] 2>/dev/null
end
complete -c limitd -f -n 'count (__limitd_complete) >/dev/null' -a '(__limitd_complete)'
`
