//go:build !linux

package main

import (
	"context"
	"errors"

	"github.com/limitd/limitd/jepsen/nodes"
)

func private() (code int, ran bool) { return 0, false }

func dressDisk(*stage, *nodes.Config) error { return errors.New("the scene disk needs Linux") }

func disks(context.Context, *stage) error { return nil }

// volume is a disk of a node's own.
type volume struct{}
