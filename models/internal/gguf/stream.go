package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// stream reads a file forward through one buffer. Every read is checked
// against what is left of the file before a byte is fetched or allocated, so a
// length in the file can never be more than the file.
type stream struct {
	r      io.ReaderAt
	size   uint64
	offset uint64 // of the next byte to hand out
	buffer []byte // fetched, not handed out yet
	room   []byte
}

// chunk is the size of the buffer, and the most that next can hand out.
const chunk = maxTemplate

func newStream(r io.ReaderAt, size int64) *stream {
	return &stream{r: r, size: uint64(max(size, 0)), room: make([]byte, min(chunk, uint64(max(size, 0))))}
}

// left is the number of bytes that follow, within the cap for a header.
func (s *stream) left() uint64 { return min(s.size, maxHeader) - s.offset }

// need refuses field when n bytes do not follow.
func (s *stream) need(field string, n uint64) error {
	if n <= s.left() {
		return nil
	}
	if s.size > maxHeader && n <= s.size-s.offset {
		return refuse(field, "the header is longer than %d MiB", maxHeader>>20)
	}
	return refuse(field, "needs %d bytes at offset %d, the file has %d left", n, s.offset, s.size-s.offset)
}

// next hands out n bytes, at most chunk, valid until the next call.
func (s *stream) next(field string, n uint64) ([]byte, error) {
	if n > uint64(len(s.buffer)) {
		if err := s.need(field, n); err != nil {
			return nil, err
		}
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	b := s.buffer[:n:n]
	s.buffer = s.buffer[n:]
	s.offset += n
	return b, nil
}

// fill fetches until at least n bytes are buffered: need has shown that they exist.
func (s *stream) fill(n uint64) error {
	have := copy(s.room, s.buffer)
	want := min(uint64(len(s.room)), s.left())
	got, err := s.r.ReadAt(s.room[have:want], int64(s.offset)+int64(have))
	s.buffer = s.room[:have+got]
	if uint64(len(s.buffer)) >= n {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return refuse("file", "ends at byte %d though it should have %d: it was cut while being read", s.offset+uint64(have+got), s.size)
	}
	return fmt.Errorf("read model header at byte %d: %w", s.offset, err)
}

// skip passes over n bytes without fetching those that are not buffered yet.
func (s *stream) skip(field string, n uint64) error {
	if n > uint64(len(s.buffer)) {
		if err := s.need(field, n); err != nil {
			return err
		}
		s.buffer = nil
	} else {
		s.buffer = s.buffer[n:]
	}
	s.offset += n
	return nil
}

func (s *stream) uint32(field string) (uint32, error) {
	b, err := s.next(field, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (s *stream) uint64(field string) (uint64, error) {
	b, err := s.next(field, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// text hands out a string of at most most bytes, valid until the next call.
func (s *stream) text(field string, most uint64) ([]byte, error) {
	n, err := s.uint64(field)
	if err != nil {
		return nil, err
	}
	if n > most {
		return nil, refuse(field, "is %d bytes long, at most %d are allowed", n, most)
	}
	return s.next(field, n)
}
