//go:build linux

package main

import (
	"context"
	"fmt"
)

type totals struct{}

func (t *totals) add(ctx context.Context, p plan, o options) error {
	h, g, err := play(ctx, p, o)
	if h == nil {
		return err
	}
	fmt.Println(p.name(), len(h.Ops), len(h.Faults), len(h.Leaders), err)
	for _, f := range h.Faults {
		fmt.Println(f)
	}
	fmt.Println(h.Final)
	return store(h, nil, g.dir)
}
func (t *totals) verdict() error { return nil }
func matrix() []plan             { return nil }
func short() []plan              { return nil }
func runMatrix(ctx context.Context, name string, list []plan, args []string) error {
	return nil
}
func soak(ctx context.Context, args []string) error { return nil }
