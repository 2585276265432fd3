package parse

import (
	"encoding/binary"
	"testing"
)

// directories is a TIFF of which nothing is there but where its pages lie: each is
// at an offset, and says that another follows, 0 for none.
func directories(size int, pages ...[2]uint32) []byte {
	b := make([]byte, size)
	copy(b, "II*\x00")
	for i, p := range pages {
		if i == 0 {
			binary.LittleEndian.PutUint32(b[4:], p[0])
		}
		binary.LittleEndian.PutUint16(b[p[0]:], 1)
		binary.LittleEndian.PutUint32(b[p[0]+14:], p[1])
	}
	return b
}

// TestTIFFPages: pages are counted whatever a file says of them, and it ends.
func TestTIFFPages(t *testing.T) {
	turned := []byte("MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x00\x00\x00")
	for name, c := range map[string]struct {
		file []byte
		want int
	}{
		"three":            {directories(200, [2]uint32{8, 60}, [2]uint32{60, 120}, [2]uint32{120, 0}), 3},
		"in a circle":      {directories(200, [2]uint32{8, 60}, [2]uint32{60, 8}), 2},
		"of itself":        {directories(200, [2]uint32{8, 8}), 1},
		"behind the end":   {directories(200, [2]uint32{8, 1 << 31}), 1},
		"torn":             {directories(200, [2]uint32{8, 60}, [2]uint32{60, 0})[:70], 2},
		"from its end":     {directories(200)[:8], 1},
		"other way around": {turned, 2},
		"none":             {[]byte("\x89PNG\r\n\x1a\nxxxxxxxx"), 1},
		"empty":            {nil, 1},
	} {
		if got := TIFFPages(c.file, 9); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	long := make([]byte, 8, 1<<16)
	copy(long, "II*\x00\x08")
	for len(long) < 1<<16-6 { // pages without entries, one behind the other
		long = binary.LittleEndian.AppendUint32(append(long, 0, 0), uint32(len(long)+6))
	}
	if got := TIFFPages(long, 1000); got != 1000 {
		t.Errorf("of very many: %d", got)
	}
}
