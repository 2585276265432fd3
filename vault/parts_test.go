package vault

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// A stream that lies in rows reads as if it lay in one piece.
func TestSealedRowsReadAsOne(t *testing.T) {
	for _, size := range []int{1, partSize - 1, partSize, partSize + 1, 2*partSize + 7, 3 * partSize} {
		whole := make([]byte, size)
		for i := range whole {
			whole[i] = byte(i * 31 >> 3)
		}
		var rows sealed
		for rest := whole; len(rest) > 0; rest = rest[min(len(rest), partSize):] {
			rows = append(rows, rest[:min(len(rest), partSize)])
		}
		one := bytes.NewReader(whole)
		for _, off := range []int{0, 1, size / 2, partSize - 3, partSize, 2*partSize - 1, size - 1, size, size + 5} {
			for _, n := range []int{0, 1, 16, partSize, partSize + 100, size} {
				got, want := make([]byte, n), make([]byte, n)
				g, gerr := rows.ReadAt(got, int64(off))
				w, werr := one.ReadAt(want, int64(off))
				if g != w || !bytes.Equal(got, want) || errors.Is(gerr, io.EOF) != (g < n) || n > 0 && !errors.Is(gerr, werr) {
					t.Fatalf("%d bytes of %d at %d: %d, %v; want %d, %v", n, size, off, g, gerr, w, werr)
				}
			}
		}
	}
}
