package vault

import (
	"context"
	"errors"
	"iter"
	"testing"
)

// What a store lists for somebody who stops waiting is never taken for all there is.
func TestCutShortIsNoEnd(t *testing.T) {
	const all = 100
	l := newLeavable(nil)
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		list := func(context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for i := range all {
					if !yield(i, nil) {
						return
					}
				}
			}
		}
		n := 0
		var failed error
		for _, err := range follow(ctx, l, list) {
			if err != nil {
				failed = err
				break
			}
			if n++; n == 3 {
				cancel()
			}
		}
		cancel()
		if n < all && !errors.Is(failed, context.Canceled) {
			t.Fatalf("%d of %d, and no error", n, all)
		}
	}
}
