package main

import "github.com/urfave/cli/v2"

func benchCommand(w world) *cli.Command { return &cli.Command{Name: "bench"} }
