// Package daemon (stub until rooms below are merged).
package daemon

import (
	"context"
	"errors"

	"github.com/hashicorp/go-hclog"
	"github.com/limitd/limitd/cmd/limitd/config"
)

type Deps struct {
	Logger  hclog.Logger
	Version string
	Fatal   func(error)
}
type Daemon struct{}

func Start(ctx context.Context, cfg config.Config, deps Deps) (*Daemon, error) {
	return nil, errors.New("stub")
}
func (d *Daemon) Close(ctx context.Context) error { return nil }
func (d *Daemon) HTTPAddress() string             { return "" }
func (d *Daemon) Name() string                    { return "" }
