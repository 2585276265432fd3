//go:build long

package clients

import "testing"

// TestSealed runs the same libraries where every answer is sealed, by the key's
// door: the shape is the same behind all.
func TestSealed(t *testing.T) {
	served.flags = []string{"--shape", "sealed", "--shape-window", "1s"}
	if err := anew(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		served.flags = nil
		if err := anew(); err != nil {
			t.Error(err)
		}
	})
	sealed := official(t)
	for i := range sealed {
		sealed[i].doors = []door{byKey}
	}
	matrix(t, "sealed", sealed)
}
