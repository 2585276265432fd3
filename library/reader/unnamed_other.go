//go:build !linux

package reader

import (
	"errors"
	"io"
	"os"
)

// unnamed fails: without a jail there is nobody to give it to.
func unnamed(io.Reader) (*os.File, int64, error) {
	return nil, 0, errors.New("memory without a name needs Linux")
}
