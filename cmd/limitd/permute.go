package main

import (
	"fmt"
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
// the command is one that parts its arguments by it. It is an error where a flag
// that takes one value has two. The path is that of who has the commands: "limitd".
func permute(path string, commands []*cli.Command, args []string) ([]string, error) {
	for i, word := range args {
		if word == "--" {
			return args, nil
		}
		if strings.HasPrefix(word, "-") {
			continue
		}
		command := find(commands, word)
		if command == nil || command.SkipFlagParsing {
			return args, nil
		}
		path += " " + command.Name
		head, tail := args[:i+1], args[i+1:]
		if len(command.Subcommands) > 0 {
			below, err := permute(path, command.Subcommands, tail)
			return slices.Concat(head, below), err
		}
		flags, rest := partFlags(command.Flags, tail)
		if err := twice(command.Flags, flags); err != nil {
			named := *command
			named.HelpName = path
			return nil, command.OnUsageError(&cli.Context{Command: &named}, err, false)
		}
		var between []string
		if strings.Contains(command.ArgsUsage, "-- ") {
			between = []string{"--"}
		}
		return slices.Concat(head, slices.Concat(flags...), between, rest), nil
	}
	return args, nil
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// partFlags parts the flags, each with its value, from the rest. Where help is
// asked for nothing else counts: urfave/cli would look for help on the first
// argument.
func partFlags(known []cli.Flag, args []string) (flags [][]string, rest []string) {
	for i := 0; i < len(args); i++ {
		switch word := args[i]; {
		case word == "--":
			return flags, slices.Concat(rest, args[i:])
		case len(word) < 2 || word[0] != '-':
			rest = append(rest, word)
		case slices.Contains([]string{"-h", "-help", "--help"}, word):
			return [][]string{{word}}, nil
		case takesValue(known, word) && i+1 < len(args):
			flags = append(flags, args[i:i+2])
			i++
		default:
			flags = append(flags, args[i:i+1])
		}
	}
	return flags, rest
}

// twice tells of a flag that takes one value and is given two, of which urfave/cli
// would take the last. A switch may be said again in the same words. The values are
// not told: one may be a secret.
func twice(known []cli.Flag, flags [][]string) error {
	before := map[cli.Flag]string{}
	for _, words := range flags {
		name, value, _ := strings.Cut(strings.TrimLeft(strings.Join(words, "="), "-"), "=")
		flag := flagOf(known, name)
		if _, isList := flag.(*cli.StringSliceFlag); flag == nil || isList {
			continue
		}
		_, isBool := flag.(*cli.BoolFlag)
		if first, again := before[flag]; again && (!isBool || first != value) {
			return twiceError(flag)
		}
		before[flag] = value
	}
	return nil
}

func twiceError(flag cli.Flag) error {
	mend := "it takes one value; leave the other out"
	if told, ok := flag.(cli.DocGenerationFlag); ok && strings.Contains(told.GetUsage(), "separated by commas") {
		mend = "write both in one, separated by a comma"
	}
	return fmt.Errorf("--%s is given twice: %s", flag.Names()[0], mend)
}

// takesValue tells whether the word is a flag whose value is the next word.
func takesValue(known []cli.Flag, word string) bool {
	flag := flagOf(known, strings.TrimLeft(word, "-"))
	_, isBool := flag.(*cli.BoolFlag)
	return flag != nil && !isBool
}

// flagOf returns the flag of this name, nil where there is none.
func flagOf(known []cli.Flag, name string) cli.Flag {
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}
