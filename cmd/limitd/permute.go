package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// permute moves flags before the other arguments of their command, because
// urfave/cli stops reading flags at the first argument that is none:
//
//	limit create gpu --slots 4   becomes   limit create --slots 4 gpu
//
// What stands behind "--" stays as it is. The "--" itself is read away, unless
// the command is one that parts its arguments by it.
func permute(commands []*cli.Command, args []string) []string {
	for i, word := range args {
		if word == "--" {
			return args
		}
		if strings.HasPrefix(word, "-") {
			continue
		}
		command := find(commands, word)
		if command == nil || command.SkipFlagParsing {
			return args
		}
		head, tail := args[:i+1], args[i+1:]
		if len(command.Subcommands) > 0 {
			return slices.Concat(head, permute(command.Subcommands, tail))
		}
		if strings.Contains(command.ArgsUsage, "-- ") {
			return slices.Concat(head, flagsFirst(command.Flags, tail, "--"))
		}
		return slices.Concat(head, flagsFirst(command.Flags, tail))
	}
	return args
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// flagsFirst moves flags before the rest, and puts between between them. Where
// help is asked for nothing else counts: urfave/cli would look for help on the
// first argument.
func flagsFirst(known []cli.Flag, args []string, between ...string) []string {
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		switch word := args[i]; {
		case word == "--":
			return slices.Concat(flags, between, rest, args[i:])
		case len(word) < 2 || word[0] != '-':
			rest = append(rest, word)
		case slices.Contains([]string{"-h", "-help", "--help"}, word):
			return []string{word}
		case takesValue(known, word) && i+1 < len(args):
			flags = append(flags, word, args[i+1])
			i++
		default:
			flags = append(flags, word)
		}
	}
	return slices.Concat(flags, between, rest)
}

// takesValue tells whether the word is a flag whose value is the next word.
func takesValue(known []cli.Flag, word string) bool {
	name := strings.TrimLeft(word, "-")
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}
