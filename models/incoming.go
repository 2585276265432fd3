package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"abaton.local/egress"
)

// keptParts is how long what a stopped pull fetched waits to be resumed.
const keptParts = 14 * 24 * time.Hour

// Pull is a pull in progress, as its process writes it to the shelf.
type Pull struct {
	Name  string    `json:"name"`
	Done  int64     `json:"done"`  // bytes
	Total int64     `json:"total"` // bytes, -1 unknown
	At    time.Time `json:"at"`    // of this report
}

// part is a file below incoming/ that one process fills. Its lock is the file's
// own (flock(2)), so it goes with its holder.
type part struct {
	*os.File
	shelf *Shelf
	key   string
	wrote time.Time
}

// keyOf names the part of a file that is expected.
func keyOf(d Digest) string { return "sha256-" + d.String() }

// keyFor names the part of a file whose digest is not known before.
func keyFor(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "source-" + hex.EncodeToString(sum[:])
}

func partName(key string) string   { return path.Join(incoming, key+".part") }
func reportName(key string) string { return path.Join(incoming, key+".pull") }

// claim opens a part for this process alone. While another one has it, its
// progress is passed on to watch.
func (s *Shelf) claim(ctx context.Context, key string, watch egress.Progress) (*part, error) {
	if err := s.root.Mkdir(incoming, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("model folder: %w", err)
	}
	if err := s.ownIncoming(); err != nil {
		return nil, fmt.Errorf("model folder: %s: %w", filepath.Join(s.dir, incoming), err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		const how = os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW
		if info, err := s.root.Lstat(partName(key)); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("model folder: %s: %w", filepath.Join(s.dir, partName(key)), errNotPlain) // os.Root follows links inside
		}
		f, err := s.root.OpenFile(partName(key), how, 0o600)
		if errors.Is(err, fs.ErrPermission) && s.root.Chmod(partName(key), 0o600) == nil {
			f, err = s.root.OpenFile(partName(key), how, 0o600) // killed just before it got its name
		}
		if err != nil {
			return nil, fmt.Errorf("model folder: %w", err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && s.is(f, partName(key)) {
			if err := ownPart(f); err != nil {
				f.Close()
				return nil, fmt.Errorf("model folder: %s: %w", filepath.Join(s.dir, partName(key)), err)
			}
			return &part{File: f, shelf: s, key: key}, nil
		}
		f.Close() // another has it, or it was put on the shelf meanwhile
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("lock the model folder: %w", err)
		}
		if p, ok := s.report(key); ok {
			watch(p.Done, p.Total)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// ownIncoming refuses a folder that another account put there while the shelf
// was open to it: who stands in a folder stays in it, whatever becomes of those
// above, and could exchange a file after it was hashed.
func (s *Shelf) ownIncoming() error {
	root, err := s.root.OpenRoot(incoming)
	if err != nil {
		return err
	}
	defer root.Close()
	return closeToOthers(root)
}

// ownPart refuses a file to which somebody else may hold a descriptor.
func ownPart(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Nlink != 1 || st.Mode&0o077 != 0 {
		return errors.New("it is not a file that this account alone made; delete it, then try again")
	}
	return nil
}

// is reports whether name still names the open file.
func (s *Shelf) is(f *os.File, name string) bool {
	at, err := s.root.Lstat(name)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(at, open)
}

// tell writes progress for others to read, twice a second at most. That it
// could not be written harms nobody, so it is not told.
func (p *part) tell(name string, done, total int64) {
	now := time.Now()
	if now.Sub(p.wrote) < 500*time.Millisecond {
		return
	}
	p.wrote = now
	if b, err := json.Marshal(Pull{name, done, total, now.UTC()}); err == nil {
		p.shelf.write(reportName(p.key), b, 0o600)
	}
}

// leave closes the part and keeps what it holds for another try.
func (p *part) leave() {
	p.shelf.root.Remove(reportName(p.key))
	if st, err := p.Stat(); err == nil && st.Size() == 0 && p.shelf.is(p.File, partName(p.key)) {
		p.shelf.root.Remove(partName(p.key))
	}
	p.Close()
}

// drop closes the part and deletes it.
func (p *part) drop() {
	p.Truncate(0)
	p.leave()
}

func (s *Shelf) report(key string) (Pull, bool) {
	b, err := s.root.ReadFile(reportName(key))
	var p Pull
	return p, err == nil && json.Unmarshal(b, &p) == nil
}

// Pulls lists the pulls that other processes are at.
func (s *Shelf) Pulls() ([]Pull, error) {
	var list []Pull
	err := s.parts(func(key string, busy bool, _ time.Time) error {
		if p, ok := s.report(key); ok && busy {
			list = append(list, p)
		}
		return nil
	})
	return list, err
}

// parts visits what lies below incoming/. busy: a process has it.
func (s *Shelf) parts(visit func(key string, busy bool, changed time.Time) error) error {
	entries, err := fs.ReadDir(s.root.FS(), incoming)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("model folder: %w", err)
	}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ".part")
		if !ok {
			continue
		}
		f, err := s.root.OpenFile(partName(key), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue // put on the shelf meanwhile
		}
		busy := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
		st, err := f.Stat()
		if err == nil {
			err = visit(key, busy, st.ModTime())
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what killed pulls left and nobody resumed, and files without
// a passport or passports without a file.
func (s *Shelf) sweep() error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	err = s.parts(func(key string, busy bool, changed time.Time) error {
		if busy || time.Since(changed) < keptParts {
			return nil
		}
		s.root.Remove(reportName(key))
		return s.root.Remove(partName(key))
	})
	if err != nil {
		return fmt.Errorf("left by a pull that was stopped: %w", err)
	}
	for _, dir := range []string{".", incoming} {
		entries, err := fs.ReadDir(s.root.FS(), dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("model folder: %w", err)
		}
		for _, e := range entries {
			if s.orphan(dir, e) {
				if err := s.root.Remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("left by a pull that was stopped: %w", err)
				}
			}
		}
	}
	return nil
}

// temporaryName is what Shelf.write calls its files; others' stay.
var temporaryName = regexp.MustCompile(`^(sha256-|source-|\.verified\.json).*\.[0-9]+-[0-9]+\.new$`)

// orphan reports whether a file is half of a pair, or a temporary one of a
// process that is gone for an hour.
func (s *Shelf) orphan(dir string, e fs.DirEntry) bool {
	gone := func(name string) bool {
		_, err := s.root.Lstat(path.Join(dir, name))
		return errors.Is(err, fs.ErrNotExist)
	}
	if temporaryName.MatchString(e.Name()) {
		info, err := e.Info()
		return err == nil && time.Since(info.ModTime()) > time.Hour
	}
	if key, ok := strings.CutSuffix(e.Name(), ".pull"); ok && dir == incoming {
		return gone(key + ".part")
	}
	if dir != "." {
		return false
	}
	if d, ok := digestIn(e.Name(), ".json"); ok {
		return gone(fileName(d))
	}
	d, ok := digestIn(e.Name(), ".gguf")
	return ok && gone(passportName(d))
}
