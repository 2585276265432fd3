package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// DS1 is C2SP chunked-encryption (https://c2sp.org/chunked-encryption) with
// AES-256-GCM and SHA-512, its input key derived for the purpose and its
// context a Place.
const (
	// ChunkSize is how much of a stream is sealed together, in bytes. Reading a
	// stream at multiples of it is fastest.
	ChunkSize = 16 << 10

	sealedChunk  = ChunkSize + tagSize
	streamHead   = saltSize + commitmentSize
	maxChunks    = 1 << 40
	streamPrefix = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
)

// StreamSize is the size of n bytes as a sealed stream.
func StreamSize(n int64) int64 {
	return streamHead + n/ChunkSize*sealedChunk + n%ChunkSize + tagSize
}

// stream is what writing and reading share.
type stream struct {
	gcm  cipher.AEAD
	base [nonceSize]byte
}

// newStream derives a stream's secrets and gives its commitment.
func newStream(k *Key, p *Place, salt []byte) (*stream, []byte) {
	input := k.derive("stream")
	defer input.Clear()
	info := append([]byte(streamPrefix), salt...)
	once, err := hkdf.Expand(sha512.New, input.Bytes(), string(p.appendTo(info)), oneTimeSize)
	if err != nil {
		panic(err) // 76 bytes are not too many
	}
	s := &stream{gcm: newGCM(once[:keySize])}
	clear(once[:keySize])
	copy(s.base[:], once[keySize:])
	return s, once[keySize+nonceSize:]
}

// nonce is the base nonce with the chunk's number XORed into its end.
func (s *stream) nonce(chunk int64) []byte {
	n := s.base
	end := n[nonceSize-8:]
	binary.BigEndian.PutUint64(end, binary.BigEndian.Uint64(end)^uint64(chunk))
	return n[:]
}

// StreamWriter seals what is written to it. It holds one chunk and is not safe
// for concurrent use.
type StreamWriter struct {
	dst    io.Writer
	stream *stream
	plain  *[ChunkSize]byte // not yet sealed; a pointer, for package fmt
	n      int              // how much of it
	out    []byte
	chunk  int64
	err    error // what every further call returns
}

// SealStream makes a stream at its place, written to dst in pieces of a chunk.
// Without Close it is cut short, and does not open.
func SealStream(dst io.Writer, k *Key, p Place) *StreamWriter {
	var salt [saltSize]byte
	rand.Read(salt[:]) // never fails: it ends the program instead
	return sealStream(dst, k, p, &salt)
}

func sealStream(dst io.Writer, k *Key, p Place, salt *[saltSize]byte) *StreamWriter {
	s, commitment := newStream(k, &p, salt[:])
	out := make([]byte, 0, streamHead+sealedChunk)
	out = append(out, salt[:]...)
	out = append(out, commitment...)
	return &StreamWriter{dst: dst, stream: s, plain: new([ChunkSize]byte), out: out}
}

// String hides the content.
func (*StreamWriter) String() string { return "sealed stream …" }

// Format hides the content from every verb of package fmt.
func (w *StreamWriter) Format(f fmt.State, _ rune) { io.WriteString(f, w.String()) }

// Write seals b. An error is of dst or says that the stream is closed; the
// stream is of no use after one.
func (w *StreamWriter) Write(b []byte) (n int, err error) {
	for w.err == nil && len(b) > 0 {
		take := copy(w.plain[w.n:], b)
		b, n, w.n = b[take:], n+take, w.n+take
		if w.n == ChunkSize {
			w.flush()
		}
	}
	return n, w.err
}

// Close seals the last chunk, which is always a short one: so an end that was
// cut off is missed. It does not close dst.
func (w *StreamWriter) Close() error {
	if w.err != nil {
		return w.err
	}
	w.flush()
	clear(w.plain[:])
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("the sealed stream is closed already")
	return nil
}

func (w *StreamWriter) flush() {
	if w.chunk == maxChunks {
		w.err = errors.New("a sealed stream cannot be longer than 16 PiB")
		return
	}
	w.out = w.stream.gcm.Seal(w.out, w.stream.nonce(w.chunk), w.plain[:w.n], nil)
	n, err := w.dst.Write(w.out)
	if err == nil && n < len(w.out) {
		err = io.ErrShortWrite
	}
	w.out, w.n = w.out[:0], 0
	w.chunk++
	w.err = err
}
