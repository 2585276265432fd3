//go:build !linux

package enginepack

import (
	"context"
	"errors"
	"io"
)

type command struct {
	argv []string
	dir  string
	env  []string
	out  io.Writer
}

// confined refuses: this system has no network namespaces.
func confined(context.Context, command) error {
	return &IsolationError{Err: errors.ErrUnsupported}
}
