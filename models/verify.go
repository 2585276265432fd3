package models

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"abaton.local/models/internal/gguf"
)

// DamagedError says that a model is not what was pulled. It is not used.
type DamagedError struct {
	Name   string
	Reason string
	Fix    string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("model %s is not used: %s; %s", e.Name, e.Reason, e.Fix)
}

func fixOf(name string) string {
	return fmt.Sprintf("`abaton models rm %s`, then pull it again", name)
}

// ChangedError says that a file changed while it was being read.
type ChangedError struct{ Name string }

func (e *ChangedError) Error() string {
	return e.Name + " changed while it was read: who writes it? Try again when they are done"
}

// A verdict remembers that a file had its digest and, in the process that found
// it, a sound header.
type verdict struct {
	Stamp    stamp  `json:"stamp"`
	Passport Digest `json:"passport_sha256"` // of the passport's bytes
}

// remembered is .verified.json: after a boot everything is hashed once more,
// for the disk may have been in another machine.
type remembered struct {
	Boot   string             `json:"boot"`
	Models map[Digest]verdict `json:"models"`
}

const verdictsName = ".verified.json"

// Open gives a model's file, open for reading and verified: its mode and
// owner, its digest, its header against the passport. The digest is computed
// anew unless device, inode, size and times are those remembered in this boot;
// the header is checked in every process once.
// It returns *DamagedError or *ChangedError when the file must not be used. The
// caller gives the engine this very file, not its path.
func (s *Shelf) Open(ctx context.Context, p Passport) (*os.File, error) {
	return s.open(ctx, p, false)
}

// open hashes whatever is remembered when anew is set.
func (s *Shelf) open(ctx context.Context, p Passport, anew bool) (*os.File, error) {
	damaged := func(reason string) error {
		return &DamagedError{Name: p.Name, Reason: reason, Fix: fixOf(p.Name)}
	}
	kept, text, err := s.passport(p.Digest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &UnknownError{Name: p.Name, Where: "this machine"}
	}
	if err != nil {
		return nil, err
	}
	f, err := s.plain(fileName(p.Digest))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, damaged("its file is gone")
	case errors.Is(err, errNotPlain):
		return nil, damaged("it is not a plain file")
	case err != nil:
		return nil, fmt.Errorf("model %s: %w", p.Name, err)
	}
	err = func() error {
		at, g, err := stampOf(f)
		if err != nil {
			return err
		}
		if problem := g.problem(); problem != "" {
			return damaged(problem)
		}
		if at.Size != kept.Size {
			return damaged(fmt.Sprintf("its file has %d bytes, its passport says %d", at.Size, kept.Size))
		}
		now := verdict{at, sha256.Sum256(text)}
		hashed, checked := s.recalls(p.Digest, now)
		if !anew && checked {
			return nil
		}
		if anew || !hashed {
			if err := digestIs(ctx, f, kept.Digest, damaged); err != nil {
				return err
			}
		}
		h, err := checkModel("model "+p.Name, f, kept.Size)
		if err != nil {
			return err
		}
		if !kept.agrees(h) {
			return damaged("its passport tells other facts than its header")
		}
		after, _, err := stampOf(f)
		if err != nil {
			return err
		}
		if after != at {
			return &ChangedError{Name: "model " + p.Name}
		}
		s.remember(p.Digest, now)
		s.shape(at, h)
		return nil
	}()
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// digestIs reads the whole file.
func digestIs(ctx context.Context, f *os.File, want Digest, damaged func(string) error) error {
	got, _, err := hashFile(ctx, f)
	if err != nil {
		return err
	}
	if got != want {
		return damaged(fmt.Sprintf("its SHA-256 is %s…, not the one it was pulled with", got.String()[:12]))
	}
	return nil
}

const hashBuffer = 256 << 10 // bytes; stays in a core's second cache

// hashFile computes the digest of the whole file, wherever its offset is. It
// runs at the speed of the processor's SHA instructions.
func hashFile(ctx context.Context, f io.ReaderAt) (d Digest, size int64, err error) {
	h := sha256.New()
	buf := make([]byte, hashBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return d, size, err
		}
		n, err := f.ReadAt(buf, size)
		h.Write(buf[:n])
		size += int64(n)
		if err == io.EOF {
			return Digest(h.Sum(nil)), size, nil
		}
		if err != nil {
			return d, size, err
		}
	}
}

// recalls reports whether the file had its digest since the machine started,
// and whether this process checked its header, too. What another process found
// of a header does not count: it may have been an older program, whose check
// let through what ours refuses.
func (s *Shelf) recalls(d Digest, v verdict) (hashed, checked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	checked = s.verdicts[d] == v
	return checked || s.read().Models[d] == v, checked
}

func (s *Shelf) read() remembered {
	none := remembered{Boot: bootID(), Models: make(map[Digest]verdict)}
	b, err := s.root.ReadFile(verdictsName)
	if err != nil {
		return none
	}
	var r remembered
	if json.Unmarshal(b, &r) != nil || r.Models == nil || r.Boot != none.Boot || r.Boot == "" {
		return none
	}
	return r
}

// remember keeps a verdict. That it could not be written costs a second
// hashing and nothing else, so it is not told.
func (s *Shelf) remember(d Digest, v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts[d] = v
	r := s.read()
	if r.Boot == "" {
		return
	}
	r.Models[d] = v
	if b, err := json.Marshal(r); err == nil {
		s.write(verdictsName, b, 0o600)
	}
}

func (s *Shelf) forget(d Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.verdicts, d)
}

// Shape tells what an engine needs to know of a model, from its verified file.
func (s *Shelf) Shape(p Passport) (Shape, error) {
	f, err := s.Open(context.Background(), p)
	if err != nil {
		return Shape{}, err
	}
	defer f.Close()
	return s.shapeIn(f, p)
}

// shapeIn reads the header of a model's file, or remembers it.
func (s *Shelf) shapeIn(f *os.File, p Passport) (Shape, error) {
	at, _, err := stampOf(f)
	if err != nil {
		return Shape{}, err
	}
	s.mu.Lock()
	shape, ok := s.shapes[at]
	s.mu.Unlock()
	if ok {
		return shape, nil
	}
	h, err := checkModel("model "+p.Name, f, at.Size)
	if err != nil {
		return Shape{}, err
	}
	return s.shape(at, h), nil
}

// shape keeps what the header of a file told.
func (s *Shelf) shape(at stamp, h gguf.Header) Shape {
	shape := shapeOf(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shapes[at] = shape
	return shape
}
