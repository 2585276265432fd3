package parse

import (
	"encoding/binary"
	"strings"
)

// TIFFPages counts the pages of a TIFF, most at most: 1 of what is none, or torn.
// Nothing is looked at but where its pages lie.
func TIFFPages(b []byte, most int) (n int) {
	var order binary.ByteOrder = binary.LittleEndian
	switch head := string(b[:min(len(b), 4)]); {
	case len(b) < 8 || !strings.HasPrefix(head, "II*\x00") && !strings.HasPrefix(head, "MM\x00*"):
		return 1
	case head[0] == 'M':
		order = binary.BigEndian
	}
	size := int64(len(b))
	seen := make(map[int64]bool) // a page may say that an earlier one follows
	for at := int64(order.Uint32(b[4:])); at != 0 && at+2 <= size && n < most && !seen[at]; {
		seen[at] = true
		n++
		next := at + 2 + 12*int64(order.Uint16(b[at:]))
		if next+4 > size {
			break
		}
		at = int64(order.Uint32(b[next:]))
	}
	return max(n, 1)
}
