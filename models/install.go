package models

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// install puts a part on the shelf: digest, then header, then durable bytes,
// then a name. want is the digest that the file must have; zero takes the one
// it has. The passport comes back complete.
func (s *Shelf) install(ctx context.Context, p *part, want Digest, pass Passport) (Passport, error) {
	before, _, err := stampOf(p.File)
	if err != nil {
		return Passport{}, err
	}
	if before.Size == 0 {
		return Passport{}, &HeaderError{Name: pass.Name, Reason: "the file is empty"}
	}
	got, size, err := hashFile(ctx, p)
	if err != nil {
		return Passport{}, err
	}
	if !want.IsZero() && got != want {
		return Passport{}, &WrongDigestError{Source: pass.Source, Want: want, Got: got}
	}
	header, err := checkModel(pass.Name, p, size)
	if err != nil {
		return Passport{}, err
	}
	after, _, err := stampOf(p.File)
	if err != nil {
		return Passport{}, err
	}
	if after != before {
		return Passport{}, &ChangedError{Name: pass.Name}
	}
	pass.Digest, pass.Size = got, size
	pass.describe(header)
	if err := errors.Join(p.Chmod(0o400), p.Sync()); err != nil {
		return Passport{}, fmt.Errorf("model %s: %w", pass.Name, err)
	}
	return s.place(p, pass, before)
}

// place gives the file its name, under the shelf's lock: names stay unique.
func (s *Shelf) place(p *part, pass Passport, checked stamp) (Passport, error) {
	unlock, err := s.lock()
	if err != nil {
		return Passport{}, err
	}
	defer unlock()
	if old, _, err := s.passport(pass.Digest); err == nil {
		pass.Name = old.Name // the same bytes again: one file, one name
	} else if err := s.christen(&pass); err != nil {
		return Passport{}, err
	}
	pass.FetchedAt = time.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(pass, "", "  ")
	if err != nil {
		return Passport{}, err
	}
	text = append(text, '\n')
	if err := s.write(passportName(pass.Digest), text, 0o400); err != nil {
		return Passport{}, fmt.Errorf("passport of %s: %w", pass.Name, err)
	}
	if info, err := s.root.Lstat(fileName(pass.Digest)); err == nil && !info.Mode().IsRegular() {
		s.root.RemoveAll(fileName(pass.Digest)) // somebody's link or folder; the next line tells if it stays
	}
	if err := s.root.Rename(partName(p.key), fileName(pass.Digest)); err != nil {
		s.root.Remove(passportName(pass.Digest))
		return Passport{}, fmt.Errorf("model %s: %w", pass.Name, err)
	}
	if err := errors.Join(s.sync("."), s.sync(incoming)); err != nil {
		return Passport{}, fmt.Errorf("model %s: %w", pass.Name, err)
	}
	now, g, err := stampOf(p.File)
	if err == nil && g.problem() != "" {
		return Passport{}, &DamagedError{Name: pass.Name, Reason: g.problem(), Fix: fixOf(pass.Name)}
	}
	if err == nil && now.Inode == checked.Inode && now.Size == checked.Size && now.MTime == checked.MTime {
		s.remember(pass.Digest, verdict{now, sha256.Sum256(text)}) // only the change time differs: by mode and name
	}
	return pass, nil
}

// christen keeps names unique: the second model of a name gets its digest's
// first digits behind it.
func (s *Shelf) christen(pass *Passport) error {
	list, err := s.List()
	if _, damaged := errors.AsType[*DamagedError](err); err != nil && !damaged {
		return err
	}
	for _, other := range list {
		if other.Name == pass.Name && other.Digest != pass.Digest {
			pass.Name = nameOf(pass.Name[:min(len(pass.Name), 55)] + "-" + pass.Digest.String()[:8])
			return nil
		}
	}
	return nil
}

// WrongDigestError says that a file is not the one that was asked for.
type WrongDigestError struct {
	Source    string
	Want, Got Digest
}

func (e *WrongDigestError) Error() string {
	return fmt.Sprintf("%s is another file: its SHA-256 is %s, expected %s; it was not kept", e.Source, e.Got, e.Want)
}

// noPermission says what to do about a file that may not be read.
func noPermission(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: this account (%d) may not read it; make it readable, then try again: %w", path, unix.Geteuid(), err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is not there: %w", path, err)
	}
	return err
}
