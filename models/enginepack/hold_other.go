//go:build !linux

package enginepack

import (
	"errors"
	"os"
)

// openPath refuses: where there is no jail, no engine is started.
func openPath(string) (*os.File, error) {
	return nil, errors.New("an engine cannot be held for its start on this system")
}
