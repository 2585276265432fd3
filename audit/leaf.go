package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// LeafSize is the size of every record, in bytes.
const LeafSize = 96

const (
	leafFormat = 1
	linked     = 80 // bytes of a leaf before its link
	// linkLabel is as long as fits: with the label, the link before and the leaf,
	// SHA-256 takes two blocks.
	linkLabel = "abaton.local/audit/link"
	// lastTime keeps times within four-digit years, which every printer can print.
	lastTime = 253402300799
)

// link chains leaves: it is a digest of the link before and of its own leaf. A
// change is then seen at its place, not only in the root.
type link [16]byte

// Record is a record as it stands in the log.
type Record struct {
	Index  int64     `json:"record"`
	Time   time.Time `json:"time"` // UTC, to the second
	What   What      `json:"event"`
	Result Result    `json:"result"`
	Actor  Pseudonym `json:"actor,omitzero"`
	Object Pseudonym `json:"object,omitzero"`
	Detail uint32    `json:"detail,omitzero"`
	Digest Digest    `json:"digest,omitzero"`

	// more says how many records that were written together with this one follow
	// it: all of them became durable at once.
	more uint8
}

// origin's link: leaves of another log do not fit.
func firstLink(origin string) link {
	sum := sha256.Sum256([]byte(linkLabel + origin))
	return link(sum[:])
}

// appendLeaf appends r as a leaf that follows prev, and gives its link.
func appendLeaf(b []byte, r Record, prev link) ([]byte, link) {
	at := len(b)
	b = append(b, leafFormat, byte(r.What), byte(r.Result), r.more)
	b = binary.BigEndian.AppendUint32(b, r.Detail)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Time.Unix()))
	b = append(b, r.Actor[:]...)
	b = append(b, r.Object[:]...)
	b = append(b, r.Digest[:]...)
	l := linkOf(b[at:at+linked], prev)
	return append(b, l[:]...), l
}

func linkOf(body []byte, prev link) link {
	var buf [len(linkLabel) + len(prev) + linked]byte
	n := copy(buf[:], linkLabel)
	n += copy(buf[n:], prev[:])
	copy(buf[n:], body)
	sum := sha256.Sum256(buf[:])
	return link(sum[:])
}

var (
	errLeafFormat = errors.New("its format is not known: the log is damaged, or was written by a newer program")
	errLeafTime   = errors.New("its time cannot be")
)

// parseLeaf decodes a leaf of LeafSize bytes. Its link is not looked at.
// Events and results that this program does not know are no error: a newer one
// may have written them.
func parseLeaf(b []byte) (r Record, l link, err error) {
	if len(b) != LeafSize || b[0] != leafFormat || b[1] == 0 {
		return r, l, errLeafFormat
	}
	at := binary.BigEndian.Uint64(b[8:])
	if at > lastTime {
		return r, l, errLeafTime
	}
	r = Record{
		Time: time.Unix(int64(at), 0).UTC(), What: What(b[1]), Result: Result(b[2]), more: b[3],
		Detail: binary.BigEndian.Uint32(b[4:]),
		Actor:  Pseudonym(b[16:]), Object: Pseudonym(b[32:]), Digest: Digest(b[48:]),
	}
	return r, link(b[linked:]), nil
}

func be64(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
