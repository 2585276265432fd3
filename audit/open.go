package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Open opens the log in dir, or begins one where none is. It reads all of it: a
// log with a bad record is an error, a *Fault, that names the record, and
// nothing is changed then. The one thing that may be missing is the end of a
// writing that a crash cut short, which was acknowledged to nobody. One process
// at a time has the log open; for a second one it is ErrInUse. now is the clock.
func Open(dir string, keys Keys, now func() time.Time) (*Log, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the audit log: %w", err), lock.Close())
	}
	l, err := open(disk{root}, root.FS(), keys, now)
	if err != nil {
		return nil, errors.Join(err, root.Close(), lock.Close())
	}
	l.lock = closers{root, lock}
	return l, nil
}

// closers closes several things.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// lockFolder keeps a second writer out. The kernel lets go of the lock when the
// process ends, however it ends.
func lockFolder(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// open opens the log that fsys shows and dir writes.
func open(dir folder, fsys fs.FS, keys Keys, now func() time.Time) (*Log, error) {
	own, err := newSecrets(keys)
	if err != nil {
		return nil, err
	}
	pub := own.public()
	name := originOf(pub)
	key := vkey(name, logKey, pub)
	log, err := ParseKey(key)
	if err != nil {
		return nil, err
	}
	l := &Log{
		dir: dir, fsys: fsys, keys: own, log: log, key: key, now: now, lock: closers{},
		signer:  signer{name, log.KeyHash(), func(msg []byte) []byte { return ed25519.Sign(own.sign, msg) }},
		pending: map[int][]tlog.Hash{}, made: map[string]bool{},
	}
	begun, err := l.begun()
	if err == nil && !begun {
		err = l.begin()
	}
	if err == nil {
		err = l.load()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// begun reports whether the folder holds a log of ours. One that was being made
// when a crash came, and has no checkpoint yet, is made again.
func (l *Log) begun() (bool, error) {
	there, err := readSome(l.fsys, keyFile, largestCheckpoint)
	if err != nil {
		return false, fmt.Errorf("opening the audit log: %w", err)
	}
	msg, err := readSome(l.fsys, checkpointFile, largestCheckpoint)
	if err != nil {
		return false, fmt.Errorf("opening the audit log: %w", err)
	}
	if msg != nil {
		if there == nil {
			return false, &Fault{None, None, "its public key, " + keyFile + ", is missing"}
		}
		if string(there) != l.key+"\n" {
			return false, &Fault{None, None, "it was signed with another key than this installation's device secret gives: put the one back " +
				"that it was begun with; only where that is lost for good, move the folder elsewhere, to be kept, and a new log begins"}
		}
		return true, nil
	}
	history, err := readSome(l.fsys, historyFile, headSize)
	if err != nil || len(history) > headSize {
		return false, &Fault{None, None, "its newest checkpoint is missing"}
	}
	first, err := readSome(l.fsys, tilePath(entries, 0), bundleSize)
	if err != nil || first != nil {
		return false, &Fault{None, None, "its newest checkpoint is missing"}
	}
	return false, nil
}

// begin makes an empty log: the checkpoint comes last.
func (l *Log) begin() error {
	text := treeText(l.log.Name(), 0, new(tree).root())
	msg := rebuilt(text, l.log, l.signer.sign([]byte(text)))
	c, err := openOwn(msg, l.log)
	if err == nil {
		err = replace(l.dir, keyFile, []byte(l.key+"\n"))
	}
	var history file
	if err == nil {
		history, err = l.openMade(historyFile)
	}
	if err == nil {
		err = errors.Join(history.Close(), l.writeHead(headOf(c, msg), 0))
	}
	if err == nil {
		err = replace(l.dir, checkpointFile, msg)
	}
	if err != nil {
		return fmt.Errorf("beginning the audit log: %w", err)
	}
	return nil
}

// load reads the log, cuts what a crash left half-written, and signs what is
// not signed yet.
func (l *Log) load() error {
	msg, err := readSome(l.fsys, checkpointFile, largestCheckpoint)
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	heads, rest, err := readHistory(l.fsys, l.log, msg)
	if err != nil {
		return scanned(err)
	}
	newest := heads[len(heads)-1]
	s := newScanner(l.fsys, l.log.Name(), newest.size)
	s.emit = func(level int, n int64, h tlog.Hash) {
		if n >= parts(level, newest.size) {
			l.keep(level, n, h)
		}
	}
	s.each = l.noteHeads
	if err := s.runAgainst(heads); err != nil {
		return scanned(err)
	}
	l.tree, l.link, l.time = s.tree, s.link, s.time
	l.note, l.history = newest.note(l.log), int64(len(heads))*headSize
	if l.signed, err = openOwn(l.note, l.log); err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	if !bytes.Equal(l.note, msg) { // the crash came before the checkpoint was in its place
		err = replace(l.dir, checkpointFile, l.note)
	}
	if err == nil && s.torn {
		err = truncate(l.dir, tilePath(entries, l.tree.size/tileWidth), l.tree.size%tileWidth*entrySize)
	}
	if err == nil && len(rest) > 0 {
		err = truncate(l.dir, historyFile, l.history)
	}
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	return l.sign()
}

// scanned says where an error that is no *Fault comes from.
func scanned(err error) error {
	if _, ok := errors.AsType[*Fault](err); ok {
		return err
	}
	return fmt.Errorf("reading the audit log: %w", err)
}

// holds compares signed roots with those of the records that are there, and
// narrows a difference down to the records between two signatures.
func holds(heads []head, roots map[int64]tlog.Hash) error {
	before := int64(0)
	for _, h := range heads {
		if roots[h.size] != h.root {
			if h.size == 0 {
				return &Fault{None, None, "its first checkpoint is not of an empty log"}
			}
			return &Fault{min(before, h.size-1), h.size - 1, fmt.Sprintf("what is there is not what was signed when the log had %d records", h.size)}
		}
		before = h.size
	}
	return nil
}

// Key is the log's public key, as it lies in the folder: name, hash and key.
func (l *Log) Key() string {
	return l.key
}

// Format shows a log by its public key alone.
func (l *Log) Format(f fmt.State, _ rune) { io.WriteString(f, l.key) }

// Checkpoint is the newest checkpoint, as it was signed.
func (l *Log) Checkpoint() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.note)
}

// Pseudonym is what stands in the log for an identifier.
func (l *Log) Pseudonym(id [16]byte) (Pseudonym, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.broken, ErrClosed) {
		return Pseudonym{}, ErrClosed
	}
	return l.keys.pseudonym(id), nil
}
