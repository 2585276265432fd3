package seal

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// StreamReader opens a sealed stream, at any place of it. It is safe for
// concurrent use where its source is.
type StreamReader struct {
	src    io.ReaderAt
	stream *stream
	size   int64
	last   *[sealedChunk]byte // the last chunk, opened already; a pointer, for package fmt
}

// OpenStream opens the stream of size sealed bytes in src. When it returns, key,
// place and length are proven, the chunks before the last are not yet: each is
// when it is read. What does not open is ErrOpen, also where src ends early;
// other errors of src are wrapped.
func OpenStream(src io.ReaderAt, size int64, k *Key, p Place) (*StreamReader, error) {
	chunks, rest := (size-streamHead)/sealedChunk, (size-streamHead)%sealedChunk
	// A last chunk that is not there or not even a tag: cut short.
	if size < streamHead || rest < tagSize || chunks >= maxChunks {
		return nil, ErrOpen
	}
	var head [streamHead]byte
	if err := readFull(src, head[:], 0); err != nil {
		return nil, err
	}
	s, commitment := newStream(k, &p, head[:saltSize])
	if subtle.ConstantTimeCompare(commitment, head[saltSize:]) != 1 {
		return nil, ErrOpen
	}
	r := &StreamReader{src: src, stream: s, size: chunks*ChunkSize + rest - tagSize, last: new([sealedChunk]byte)}
	if _, err := r.chunk(r.last[:rest], chunks); err != nil {
		return nil, err
	}
	return r, nil
}

// String hides the content.
func (*StreamReader) String() string { return "sealed stream …" }

// Format hides the content from every verb of package fmt.
func (r *StreamReader) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// Size is how many bytes there are to read.
func (r *StreamReader) Size() int64 { return r.size }

// ReadAt reads as io.ReaderAt says; nothing that was not proven is ever in b. To
// read all in order, put an io.SectionReader over it and read in pieces of
// ChunkSize or more: a chunk is opened anew for every call that touches it.
func (r *StreamReader) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("a sealed stream has nothing before its start")
	}
	var sealed []byte
	for n < len(b) && off < r.size {
		plain, chunk := r.last[:r.size%ChunkSize], off/ChunkSize
		if chunk < r.size/ChunkSize {
			if sealed == nil {
				sealed = make([]byte, sealedChunk)
			}
			if plain, err = r.chunk(sealed, chunk); err != nil {
				return n, err
			}
		}
		some := copy(b[n:], plain[off%ChunkSize:])
		n, off = n+some, off+int64(some)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// chunk reads a chunk into sealed, which has its size, and opens it there.
func (r *StreamReader) chunk(sealed []byte, chunk int64) ([]byte, error) {
	if err := readFull(r.src, sealed, streamHead+chunk*sealedChunk); err != nil {
		return nil, err
	}
	plain, err := r.stream.gcm.Open(sealed[:0], r.stream.nonce(chunk), sealed, nil)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// readFull fills b from src. An early end is no fault of the source: the stream
// was cut.
func readFull(src io.ReaderAt, b []byte, off int64) error {
	n, err := src.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return ErrOpen
	default:
		return fmt.Errorf("reading a sealed stream: %w", err)
	}
}
