package daemon

import (
	"context"
	"errors"
	"io"

	"github.com/limitd/limitd/cluster"
)

type operator struct{ *cluster.Replica }

func (operator) RemoveNode(context.Context, string) error { return errors.New("soon") }
func (operator) Restore(context.Context, io.Reader) error { return errors.New("soon") }
