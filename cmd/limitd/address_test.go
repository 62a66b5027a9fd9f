package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
)

func TestUnreachableHint(t *testing.T) {
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	for _, tt := range []struct {
		err   error
		bases []string
		want  string
	}{
		{refused, []string{"http://n1:7480"}, hintNoNode},
		{refused, []string{"http://n1"}, hintNoPort},
		{refused, []string{"http://n1", "http://n2"}, hintNoNode},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), []string{"http://n1:7481"}, hintOtherPort},
		{io.EOF, []string{"http://n1"}, hintOtherPort},
		{errWantsTLS, []string{"http://n1:7480"}, hintWantsTLS},
		{errors.New("time is up"), nil, hintNoNode},
	} {
		if got := unreachableHint(tt.err, tt.bases...); got != tt.want {
			t.Errorf("%v at %v: %s", tt.err, tt.bases, got)
		}
	}
}
