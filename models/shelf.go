package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Shelf is the folder of models (0700):
//
//	sha256-<digest>.gguf   a model (0400)
//	sha256-<digest>.json   its passport (0400)
//	incoming/              parts of what is being pulled, and how far it is
//	.verified.json         digests checked since the machine started
//	.lock                  held while files are put on the shelf or taken off
//
// A model is listed when both files are there whole. Several programs may use
// one shelf at once, and one Shelf is safe for concurrent use.
type Shelf struct {
	dir  string
	root *os.Root // every path is opened below it

	mu       sync.Mutex
	verdicts map[Digest]verdict
	shapes   map[stamp]Shape
}

const (
	incoming    = "incoming"
	lockName    = ".lock"
	maxPassport = 1 << 20 // bytes
)

// OpenShelf opens the folder and makes it where it is missing.
func OpenShelf(dir string) (*Shelf, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	if err := closeToOthers(root); err != nil {
		root.Close()
		return nil, fmt.Errorf("model folder %s: %w", dir, err)
	}
	return &Shelf{dir: dir, root: root, verdicts: make(map[Digest]verdict), shapes: make(map[stamp]Shape)}, nil
}

// closeToOthers makes a folder of ours 0700: no other account may map pages of
// a model, for that would tell them which parts are in use.
func closeToOthers(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	_, g, err := stampOf(f)
	if err != nil {
		return err
	}
	if int(g.uid) != os.Geteuid() {
		return fmt.Errorf("it belongs to account %d, not to this one (%d); give it away with chown or name another folder", g.uid, os.Geteuid())
	}
	if g.mode&unix.S_ISVTX != 0 {
		return errors.New("it is a folder for every account; name one of its own below it")
	}
	if g.mode&0o777 != 0o700 {
		return f.Chmod(0o700)
	}
	return nil
}

// Close lets go of the folder.
func (s *Shelf) Close() error { return s.root.Close() }

func fileName(d Digest) string     { return "sha256-" + d.String() + ".gguf" }
func passportName(d Digest) string { return "sha256-" + d.String() + ".json" }

// Path is where a model lies or would lie, absolute.
func (s *Shelf) Path(d Digest) string { return filepath.Join(s.dir, fileName(d)) }

// List gives the models on the shelf by name. What is half there is not
// listed. A passport that cannot be read is an error, which comes together
// with the models that are well.
func (s *Shelf) List() ([]Passport, error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	var list []Passport
	var damaged []error
	for _, e := range entries {
		d, ok := digestIn(e.Name(), ".json")
		if !ok {
			continue
		}
		if _, err := s.root.Lstat(fileName(d)); err != nil {
			continue
		}
		p, _, err := s.passport(d)
		switch {
		case errors.Is(err, fs.ErrNotExist): // taken off meanwhile
		case err != nil:
			damaged = append(damaged, err)
		default:
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b Passport) int { return strings.Compare(a.Name, b.Name) })
	return list, errors.Join(damaged...)
}

// digestIn reads the digest from a file's name.
func digestIn(name, suffix string) (Digest, bool) {
	hex, ok := strings.CutPrefix(name, "sha256-")
	hex, ok2 := strings.CutSuffix(hex, suffix)
	d, err := ParseDigest(hex)
	return d, ok && ok2 && err == nil
}

// passport reads and decodes strictly; the bytes come with it.
func (s *Shelf) passport(d Digest) (Passport, []byte, error) {
	f, err := s.plain(passportName(d))
	if err != nil {
		return Passport{}, nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassport+1))
	if err != nil {
		return Passport{}, nil, err
	}
	var p Passport
	decoder := json.NewDecoder(strings.NewReader(string(b)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil || len(b) > maxPassport {
		return p, nil, &DamagedError{Name: shown(passportName(d)), Reason: "its passport cannot be read", Fix: fixOf(d.String())}
	}
	if p.Digest != d || p.Size <= 0 || nameOf(p.Name) != p.Name {
		return p, nil, &DamagedError{Name: shown(p.Name), Reason: "its passport is of another file", Fix: fixOf(d.String())}
	}
	return p, b, nil
}

// plain opens a file for reading that is no link, pipe or device. os.Root lets
// no link lead out of the folder; this refuses those inside, too.
func (s *Shelf) plain(name string) (*os.File, error) {
	info, err := s.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errNotPlain}
	}
	f, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		f.Close()
		return nil, &ChangedError{Name: name}
	}
	return f, nil
}

var errNotPlain = errors.New("not a plain file")

// Find gives the model of that name, digest, or unique beginning of a digest
// (8 digits or more). *UnknownError when there is none.
func (s *Shelf) Find(name string) (Passport, error) {
	list, damaged := s.List()
	p, err := find(list, name)
	if err != nil && damaged != nil {
		err = errors.Join(err, damaged)
	}
	return p, err
}

func find(list []Passport, name string) (Passport, error) {
	wanted := strings.ToLower(name)
	for _, p := range list {
		if p.Name == wanted {
			return p, nil
		}
	}
	var names []string
	var found []Passport
	prefix := strings.TrimPrefix(wanted, "sha256:")
	for _, p := range list {
		names = append(names, p.Name)
		if len(prefix) >= 8 && strings.HasPrefix(p.Digest.String(), prefix) {
			found = append(found, p)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Passport{}, &UnknownError{Name: name, Near: nearest(name, names), Where: "this machine"}
}

// ErrEmpty says that no chat model is on the shelf.
var ErrEmpty = errors.New("no chat model is on this machine; `abaton pull` gets the one that fits")

// Default is the model that answers when none is named: the chat model that
// was pulled last. ErrEmpty when there is none.
func (s *Shelf) Default() (Passport, error) {
	list, damaged := s.List()
	var last Passport
	for _, p := range list {
		if p.Role == "chat" && (last.Digest.IsZero() || p.FetchedAt.After(last.FetchedAt)) {
			last = p
		}
	}
	if last.Digest.IsZero() {
		return Passport{}, errors.Join(ErrEmpty, damaged)
	}
	return last, nil
}

// Remove takes a model off the shelf. name must be whole: the name or the full
// digest, for what is gone is gone.
func (s *Shelf) Remove(name string) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if d, err := ParseDigest(strings.TrimPrefix(name, "sha256:")); err == nil {
		if _, err := s.root.Lstat(passportName(d)); err == nil {
			return s.discard(d) // also when the passport is damaged
		}
	}
	list, damaged := s.List()
	p, err := find(list, name)
	if err != nil {
		return errors.Join(err, damaged)
	}
	if strings.ToLower(name) != p.Name {
		return &UnknownError{Name: name, Near: []string{p.Name}, Where: "this machine"}
	}
	return s.discard(p.Digest)
}

// discard deletes a model's files, the passport first: from then on it is not
// listed. The lock is held.
func (s *Shelf) discard(d Digest) error {
	s.forget(d)
	for _, n := range []string{passportName(d), fileName(d)} {
		if err := s.root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a model: %w", err)
		}
	}
	return s.sync(".")
}

// lock keeps other programs from changing the shelf until unlock is called; it
// is held for moments only. The kernel lets go when the holder dies.
func (s *Shelf) lock() (unlock func(), err error) {
	f, err := s.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock the model folder: %w", err)
		}
	}
}

// sync makes a folder's names durable (fsync(2)).
func (s *Shelf) sync(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// write puts a small file in place as a whole.
func (s *Shelf) write(name string, b []byte, mode fs.FileMode) error {
	temp := fmt.Sprintf("%s.%d-%d.new", name, os.Getpid(), time.Now().UnixNano())
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		s.root.Remove(temp)
	}
	return err
}
