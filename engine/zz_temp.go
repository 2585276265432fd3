package engine

import (
	"os"

	"abaton.local/sandbox"
)

type process interface {
	runner
	PID() int
	RunDir() *os.File
	Kill() error
	Done() <-chan struct{}
	Exit() sandbox.Exit
}
