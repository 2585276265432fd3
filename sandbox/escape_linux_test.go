package sandbox

import (
	"testing"
)

// TestControls
func TestControls(t *testing.T) {
	w := newWorld(t)
	for _, a := range attempts {
		o := w.outside(t, a)
		t.Log(a.name, o)
	}
}
