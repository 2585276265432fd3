//go:build !linux

package engine

import (
	"errors"
	"os"
)

// slots is nowhere to be had but on Linux: there is no jail with a folder in
// memory, and a snapshot must not lie on a disk.
type slots struct{}

func openSlots(*os.File) (slots, error)            { return slots{}, errors.ErrUnsupported }
func (slots) create(string) (*os.File, error)      { return nil, errors.ErrUnsupported }
func (slots) open(string) (*os.File, int64, error) { return nil, 0, errors.ErrUnsupported }
func (slots) remove(string)                        {}
func (slots) close()                               {}
