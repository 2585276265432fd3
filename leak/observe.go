package leak

import "encoding/binary"

const (
	tlsHeader    = 5
	tlsHandshake = 22
	tlsContent   = 23
	tlsLongest   = tlsHeader + 1<<14 + 256
)

// Watcher makes records of the bytes of one direction, as anybody on the path
// may: the header of each TLS record says how long it is. Where the first bytes
// are no TLS, what arrives together is one record.
type Watcher struct {
	Direction Direction
	plain     bool
	begun     bool
	header    []byte // of the record that is arriving, until it is whole
	size      int    // of the record
	left      int    // bytes of it that are still to come
}

// Saw returns the records that bytes arriving at the time complete. TLS 1.3 has
// no other kind of record in sight once keys are agreed on: the rest of its
// handshake and its goodbye look like content, and count.
func (w *Watcher) Saw(at float64, p []byte) (records []Record) {
	if len(p) == 0 {
		return nil
	}
	if !w.begun {
		w.begun = true
		w.plain = p[0] != tlsHandshake
	}
	if w.plain {
		return []Record{{at, len(p), w.Direction}}
	}
	for len(p) > 0 {
		if w.left == 0 {
			n := min(tlsHeader-len(w.header), len(p))
			w.header, p = append(w.header, p[:n]...), p[n:]
			if len(w.header) < tlsHeader {
				return records
			}
			w.size = tlsHeader + int(binary.BigEndian.Uint16(w.header[3:]))
			w.left = w.size - tlsHeader
			if kind := w.header[0]; kind < 20 || kind > tlsContent+1 || w.size > tlsLongest {
				// No TLS after all: sizes of what arrives are the best that can be said.
				w.plain = true
				return append(records, Record{at, len(w.header) + len(p), w.Direction})
			}
		}
		n := min(w.left, len(p))
		w.left -= n
		p = p[n:]
		if w.left == 0 {
			if w.header[0] == tlsContent {
				records = append(records, Record{at, w.size, w.Direction})
			}
			w.header = w.header[:0]
		}
	}
	return records
}
