//go:build soak

package history

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSoakModel lives ten thousand lives; TestAgainstTheModel a hundred.
func TestSoakModel(t *testing.T) {
	lives := 0
	for begin := time.Now(); lives < 10_000; lives += 100 {
		rapid.Check(t, life)
		if t.Failed() {
			return
		}
		if lives%1000 == 0 {
			t.Logf("%d lives, %v", lives, time.Since(begin).Round(time.Second))
		}
	}
}
