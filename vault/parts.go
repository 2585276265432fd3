package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"abaton.local/vault/internal/seal"
)

// partSize is how much of a sealed stream goes into one row.
const partSize = 1 << 20

// fetch gives the rows named that are there. What a store gives beside, or
// twice, or too large, is left out.
func fetch(ctx context.Context, st Store, vault ID, ids []ID) (map[ID][]byte, error) {
	found := make(map[ID][]byte, len(ids))
	if len(ids) == 0 {
		return found, nil // none named would mean all
	}
	for row, err := range st.Rows(ctx, vault, ids...) {
		if err != nil {
			return nil, fmt.Errorf("reading the vault's rows: %w", err)
		}
		if _, twice := found[row.ID]; !twice && len(row.Envelope) <= MaxRow && len(found) < len(ids) {
			found[row.ID] = row.Envelope
		}
	}
	return found, nil
}

// stream is a large value: sealed as DS1 and cut into rows whose identifiers
// only the key's holder can find.
type stream struct {
	key   *seal.Key // of the container, or of snapshots
	place seal.Place
	size  int64 // in bytes, before it was sealed
}

// rows are the identifiers of the stream's parts.
func (s stream) rows() []ID {
	ids := make([]ID, (seal.StreamSize(s.size)+partSize-1)/partSize)
	b := append(make([]byte, 0, 64), s.place.Record[:]...)
	b = append(b, s.place.Kind)
	b = binary.BigEndian.AppendUint64(b, s.place.Version)
	b = binary.BigEndian.AppendUint32(b, s.place.Generation)
	for part := range ids {
		sum := s.key.MAC("part row", b, binary.BigEndian.AppendUint32(nil, uint32(part)))
		ids[part] = ID(sum[:16])
	}
	return ids
}

// seal gives the stream's parts, which together are its sealed bytes.
func (s stream) seal(plain []byte) []Row {
	var out bytes.Buffer
	out.Grow(int(seal.StreamSize(s.size)))
	w := seal.SealStream(&out, s.key, s.place)
	w.Write(plain) // a buffer never fails, nor does a stream into one
	w.Close()
	rows := make([]Row, 0, out.Len()/partSize+1)
	ids := s.rows()
	for part := range slices.Chunk(out.Bytes(), partSize) {
		rows = append(rows, Row{ID: ids[len(rows)], Envelope: part})
	}
	return rows
}

// sealed is a stream as it lies in rows: each has partSize bytes but the last.
type sealed [][]byte

// join puts the sealed stream together again; false when a part is missing or
// has not its size.
func (s stream) join(rows map[ID][]byte) (sealed, bool) {
	var parts sealed
	left := seal.StreamSize(s.size)
	for _, id := range s.rows() {
		part := rows[id]
		if int64(len(part)) != min(left, partSize) {
			return nil, false
		}
		parts, left = append(parts, part), left-int64(len(part))
	}
	return parts, true
}

// ReadAt implements io.ReaderAt, so that a large stream is not copied before it is
// opened.
func (s sealed) ReadAt(b []byte, off int64) (n int, err error) {
	for i := off / partSize; n < len(b); i++ {
		if i >= int64(len(s)) || off%partSize > int64(len(s[i])) {
			return n, io.EOF
		}
		some := copy(b[n:], s[i][off%partSize:])
		n, off = n+some, off+int64(some)
		if off%partSize != 0 && n < len(b) {
			return n, io.EOF
		}
	}
	return n, nil
}

// open opens what join gave.
func (s stream) open(parts sealed) ([]byte, error) {
	r, err := seal.OpenStream(parts, seal.StreamSize(s.size), s.key, s.place)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, r.Size())
	if _, err := r.ReadAt(plain, 0); err != nil {
		return nil, err
	}
	return plain, nil
}

// partList is the payload of a large record's own row: the digest of each part.
func partList(parts []Row) []byte {
	b := make([]byte, 0, 32*len(parts))
	for i := range parts {
		sum := seal.Digest(parts[i].Envelope)
		b = append(b, sum[:]...)
	}
	return b
}

// parsePartList reads the digests of n parts.
func parsePartList(b []byte, n int) ([][32]byte, error) {
	if len(b) != 32*n {
		return nil, errShape
	}
	digests := make([][32]byte, n)
	for i := range digests {
		digests[i] = [32]byte(b[32*i:])
	}
	return digests, nil
}
